"""The events that Lambda functions get, built from a client's request as AWS builds them.

Two front doors send payload format 2.0, and they differ:

| | HTTP API | function URL |
| --- | --- | --- |
| `rawPath` | decoded, twice, and cut at a question mark between | as the client sent it |
| `requestContext.http.path` | the same as `rawPath` | decoded |
| cookies | `cookies` only | `cookies`, and the header |

Sources:
[1] https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
[2] https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
[3] Events captured from both in July 2026: github.com/hotsock/voker, vokerhttp/testdata, apigwv2-request.json,
    functionurl-request.json, and ingress-paths.json for paths: `/capture/literal%252Fvalue` arrives from an HTTP API as
    `/capture/literal/value`, `/capture/question%3Fvalue` as `/capture/question`; `/capture/percent%25done` is a 400.
    Decoded paths are also reported by honojs/hono 2156, middleapi/standard-server 93 and fastify/aws-lambda-fastify 169.
[4] Content types against a real HTTP API: github.com/ministackorg/ministack, pull request 766.

No capture has a path whose bytes are not UTF-8; here they are replaced by U+FFFD, which uvicorn does as well.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

HOST = "abcdef1234.execute-api.ap-northeast-1.amazonaws.com"
URL_HOST = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.ap-northeast-1.on.aws"
REQUEST_ID = "Jx-9ZhEENjMEJsg="

TEXT = re.compile(r"text/.*|application/(json|xml|javascript)")
"""The media types whose bodies arrive as text; all others are in base64, forms and bodies without a type too [4]."""


class Rejected(Exception):
    """API Gateway answers this request with a 400 itself, and invokes no function."""


def http(
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    cookies: list[str] | None = None,
    body: str | bytes | None = None,
    host: str = HOST,
) -> dict[str, Any]:
    """A request through an HTTP API's `$default` route and stage.

    `path` and `query` are the client's request target, encoded as it sent them. A body of bytes is put into base64
    where its content type asks for that; a body of text is left as it is. Raises `Rejected`.
    """
    path = _decoded_by_an_http_api(path)
    return _event(method, path, path, query, _joined(headers), cookies, body, host, both_cookies=False)


def function_url(
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    cookies: list[str] | None = None,
    body: str | bytes | None = None,
) -> dict[str, Any]:
    """A request through a function URL; see `http`."""
    decoded = unquote(path)
    return _event(method, path, decoded, query, _joined(headers), cookies, body, URL_HOST, both_cookies=True)


def _decoded_by_an_http_api(path: str) -> str:
    once = unquote(path).partition("?")[0]
    if re.search("%(?![0-9A-Fa-f]{2})", once):
        raise Rejected(path)
    return unquote(once)


def _joined(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names in lower case, and the values of a repeated one with commas between, without spaces [1, 3]."""
    joined: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        name, separator = name.lower(), "; " if name.lower() == "cookie" else ","
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    return joined


def _event(
    method: str,
    raw_path: str,
    path: str,
    query: str,
    headers: dict[str, str],
    cookies: list[str] | None,
    body: str | bytes | None,
    host: str,
    *,
    both_cookies: bool,
) -> dict[str, Any]:
    if "cookie" in headers:
        cookies = [*(cookies or []), *(cookie.strip() for cookie in headers.pop("cookie").split(";"))]
    if cookies and both_cookies:
        headers["cookie"] = "; ".join(cookies)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": {
            "host": host,
            "x-amzn-trace-id": "Root=1-6a5145a9-1bae89e2512ec92d5d9438a0",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        }
        | headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": host.partition(".")[0],
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": headers.get("user-agent", "agent"),
            },
            "requestId": REQUEST_ID,
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:19:30:00 +0000",
            "timeEpoch": 1795462200000,
        },
        "isBase64Encoded": False,
    }
    if query:
        values: dict[str, str] = {}
        for key, value in parse_qsl(query, keep_blank_values=True):
            values[key] = f"{values[key]},{value}" if key in values else value
        event["queryStringParameters"] = values
    if cookies is not None:
        event["cookies"] = cookies
    if body is not None:
        event["body"], event["isBase64Encoded"] = _body(body, headers.get("content-type", ""))
    return event


def _body(body: str | bytes, content_type: str) -> tuple[str, bool]:
    if isinstance(body, str):
        return body, False
    if TEXT.fullmatch(content_type.partition(";")[0].strip().lower()):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def form(fields: dict[str, str], *, headers: dict[str, str] | None = None, path: str = "/") -> dict[str, Any]:
    """A posted form, whose body arrives in base64 [4]."""
    content_type = {"content-type": "application/x-www-form-urlencoded"}
    return http("POST", path, headers=content_type | (headers or {}), body=urlencode(fields).encode())


def upload(body: bytes, *, headers: dict[str, str] | None = None, path: str = "/") -> dict[str, Any]:
    """A body of any bytes."""
    return http("POST", path, headers=headers or {}, body=body)


def queue() -> dict[str, Any]:
    """A batch of an SQS queue: an event that is no HTTP request.

    Source: "Example Amazon SQS message event (standard queue)" of
    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    return {
        "Records": [
            {
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
                "body": "Test message.",
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:my-queue",
                "awsRegion": "us-east-1",
            }
        ]
    }


def content(answer: dict[str, Any]) -> bytes:
    """The body's bytes of a function's answer, as API Gateway would send them.

    Source: "Lambda function response for format 2.0" of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    body: str = answer.get("body", "")
    return base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
