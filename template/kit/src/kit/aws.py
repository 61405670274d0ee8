"""AWS's JSON APIs with the standard library alone: one signed request over a connection that is kept open.

    aws.call("ecs", "RunTask", {"cluster": "app", …})

Why not boto3: importing it and making one client took 350 to 420 ms of processor time where this takes 1 ms, and a
visitor's request would pay for it. The signature is checked against botocore's own in the template's tests.
Source: AWS General Reference, "Create a signed AWS API request" (Signature Version 4).
"""

import hashlib
import hmac
import http.client
import json
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import SplitResult, urlsplit

from kit import tls
from kit.errors import UsageError

TIMEOUT = 10
"""Seconds to wait for an answer."""
TRIES = 3
"""Requests at most; only what AWS asks to repeat is repeated (throttling, 5xx, a connection that broke)."""

_PROTOCOLS = {
    "sqs": ("AmazonSQS", "1.0"),
    "ecs": ("AmazonEC2ContainerServiceV20141113", "1.1"),
    "ssm": ("AmazonSSM", "1.1"),
    "secretsmanager": ("secretsmanager", "1.1"),
}
_DOMAINS = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
_AGAIN = ("Throttl", "TooManyUpdates", "RequestLimitExceeded", "InternalServ")
_local = threading.local()
sleep: Callable[[float], None] = time.sleep


class AwsError(RuntimeError):
    """AWS refused a call; `code` is its name for the reason, `status` the HTTP status."""

    def __init__(self, operation: str, status: int, code: str, message: str) -> None:
        super().__init__(f"{operation} was refused: {code} ({status}) {message}".rstrip())
        self.status, self.code = status, code


@dataclass(frozen=True)
class Credentials:
    """Who signs."""

    access_key: str
    secret_key: str
    token: str | None = None
    expires: datetime | None = None


def call(
    service: str,
    operation: str,
    payload: dict[str, Any],
    *,
    endpoint: str | None = None,
    where: str | None = None,
    tries: int = TRIES,
) -> dict[str, Any]:
    """Call an operation, in the region `where` or our own.

    Raises `AwsError`, `OSError` when AWS cannot be reached, and `UsageError` without credentials or a region.
    """
    prefix, version = _PROTOCOLS[service]
    headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{prefix}.{operation}"}
    return post(service, operation, "/", headers, payload, endpoint=endpoint, where=where, tries=tries)


def post(
    service: str,
    operation: str,
    path: str,
    headers: dict[str, str],
    payload: dict[str, Any],
    *,
    endpoint: str | None = None,
    where: str | None = None,
    tries: int = TRIES,
) -> dict[str, Any]:
    """Send one JSON request, signed; `path` may only have characters that need no quoting."""
    where = where or region()
    url = urlsplit(endpoint or address(service, where))
    body = json.dumps(payload, ensure_ascii=False).encode()
    for attempt in range(1, tries + 1):
        try:
            scope = f"{where}/{service}"
            signed = sign(scope, path, url.netloc, headers, body, credentials(), datetime.now(UTC))
            status, answer = _exchange(url, path, signed, body)
        except (OSError, http.client.HTTPException):
            if attempt == tries:
                raise
        else:
            if status < 300:
                return json.loads(answer) if answer else {}
            error = _error(operation, status, answer)
            if attempt == tries or not (status >= 500 or status == 429 or error.code.startswith(_AGAIN)):
                raise error
        pause(attempt)
    raise AssertionError("unreachable")


def pause(attempt: int) -> None:
    """Wait before a call is repeated: a random time, of up to twice as long after each attempt."""
    sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter, nothing secret


def region() -> str:
    """The region of this function, task or laptop; raises `UsageError` when none is set."""
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found:
        raise UsageError(
            "AWS_REGION is not set. Name the region that the app runs in, such as: AWS_REGION=eu-central-1"
        )
    return found


def address(service: str, where: str) -> str:
    """The service's address in a region, or the one that AWS_ENDPOINT_URL names, as AWS's own tools take it."""
    named = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")
    return named or f"https://{service}.{where}.{_DOMAINS.get(where.partition('-')[0], 'amazonaws.com')}"


def _exchange(url: SplitResult, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    kept: dict[str, http.client.HTTPConnection] = _local.__dict__.setdefault("connections", {})
    connection = kept.pop(url.netloc, None) or _connect(url)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except BaseException:  # a job's time limit may strike here, too: half an answer must not meet the next question
        connection.close()
        raise
    kept[url.netloc] = connection
    return answer.status, content


def close() -> None:
    """Close the connections that this thread keeps open; the next call opens another."""
    for connection in _local.__dict__.pop("connections", {}).values():
        connection.close()


def _connect(url: SplitResult) -> http.client.HTTPConnection:
    if url.scheme == "https":
        return http.client.HTTPSConnection(url.netloc, timeout=TIMEOUT, context=tls.context())
    return http.client.HTTPConnection(url.netloc, timeout=TIMEOUT)


def _error(operation: str, status: int, answer: bytes) -> AwsError:
    try:
        told = json.loads(answer)
        code = str(told.get("__type") or told.get("code") or "").rpartition("#")[2]
        message = str(told.get("message") or told.get("Message") or "")
    except (ValueError, AttributeError):
        code, message = "", answer[:200].decode(errors="replace")
    return AwsError(operation, status, code or "Unknown", message)


def sign(
    where: str, path: str, host: str, headers: dict[str, str], body: bytes, by: Credentials, moment: datetime
) -> dict[str, str]:
    """Give the headers with a Signature Version 4 among them; `where` is region and service: `eu-central-1/sqs`."""
    stamp = moment.strftime("%Y%m%dT%H%M%SZ")
    signed = headers | {"host": host, "x-amz-date": stamp}
    if by.token:
        signed["x-amz-security-token"] = by.token
    names = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name]}\n" for name in sorted(signed)]
    request = f"POST\n{path}\n\n{''.join(lines)}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{where}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(_key(by.secret_key, scope), text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={by.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def credentials() -> Credentials:
    """Lambda's from the environment, a task's from its endpoint, a laptop's as boto3 finds them (profiles, SSO)."""
    if key := os.environ.get("AWS_ACCESS_KEY_ID"):
        return Credentials(key, os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN"))
    if path := os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        return _of_the_task(path)
    return _of_the_laptop()


def _of_the_task(path: str) -> Credentials:
    kept: Credentials | None = getattr(_local, "credentials", None)
    if kept and kept.expires and kept.expires - datetime.now(UTC) > timedelta(minutes=5):
        return kept
    connection = http.client.HTTPConnection("169.254.170.2", timeout=2)  # the ECS agent, on the task's own link
    try:
        connection.request("GET", path)
        told = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    expires = datetime.fromisoformat(told["Expiration"])
    _local.credentials = Credentials(told["AccessKeyId"], told["SecretAccessKey"], told["Token"], expires)
    found: Credentials = _local.credentials
    return found


def _of_the_laptop() -> Credentials:
    try:
        boto3 = import_module("boto3")
    except ImportError:
        raise UsageError("AWS gave this process no credentials: set AWS_ACCESS_KEY_ID, or install boto3.") from None
    found = boto3.Session().get_credentials()
    if found is None:
        raise UsageError("No AWS credentials were found. Log in first: aws sso login, or set AWS_PROFILE.")
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)
