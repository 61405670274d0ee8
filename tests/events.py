"""The events that Lambda functions get, built as AWS documents them.

HTTP API, payload format 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
from typing import Any
from urllib.parse import parse_qsl, urlencode

HOST = "abcdef1234.execute-api.ap-northeast-1.amazonaws.com"
REQUEST_ID = "Jx-9ZhEENjMEJsg="


def http(
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: dict[str, str] | None = None,
    cookies: list[str] | None = None,
    body: str | None = None,
    base64_encoded: bool = False,
) -> dict[str, Any]:
    """A request through an HTTP API's `$default` route and stage, payload format 2.0.

    Header names are lower-case; the values of a repeated query key are joined by commas in
    `queryStringParameters` and stand as they came in `rawQueryString`; cookies have a list of their own.
    Source: "Payload format structure" of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": HOST, "x-forwarded-proto": "https", "x-forwarded-port": "443"} | (headers or {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef1234",
            "domainName": HOST,
            "domainPrefix": "abcdef1234",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": REQUEST_ID,
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:19:30:00 +0000",
            "timeEpoch": 1795462200000,
        },
        "isBase64Encoded": base64_encoded,
    }
    if query:
        joined: dict[str, str] = {}
        for key, value in parse_qsl(query, keep_blank_values=True):
            joined[key] = f"{joined[key]},{value}" if key in joined else value
        event["queryStringParameters"] = joined
    if cookies is not None:
        event["cookies"] = cookies
    if body is not None:
        event["body"] = body
    return event


def form(fields: dict[str, str], *, headers: dict[str, str] | None = None, path: str = "/") -> dict[str, Any]:
    """A posted form; API Gateway hands a URL-encoded body over in base64, as it does all that is not plain text.

    Source: "Working with binary media types", of which HTTP APIs decide by themselves:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    return upload(
        urlencode(fields).encode(),
        headers={"content-type": "application/x-www-form-urlencoded"} | (headers or {}),
        path=path,
    )


def upload(body: bytes, *, headers: dict[str, str] | None = None, path: str = "/") -> dict[str, Any]:
    """A body of any bytes: `body` in base64, `isBase64Encoded` true.

    Source: "Payload format structure" (`isBase64Encoded`) of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    encoded = base64.b64encode(body).decode()
    return http("POST", path, headers=headers, body=encoded, base64_encoded=True)


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
