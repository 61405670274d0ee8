"""A client of AWS's JSON APIs that needs only the standard library.

    aws.call("ecs", "RunTask", {"cluster": "app", …})

Importing boto3 and creating one client takes 350 to 420 ms of CPU time, this takes 1 ms. The signature is checked against botocore's own in the template's tests.
Source: AWS General Reference, "Create a signed AWS API request" (Signature Version 4).
"""

import hashlib
import hmac
import http.client
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from kit import tls
from kit.errors import UsageError

TIMEOUT = 10
"""Seconds to wait for a response."""
TRIES = 3
"""The most attempts of a call. Only throttling, 5xx responses and broken connections are retried."""

_PROTOCOLS = {
    "sqs": ("AmazonSQS", "1.0"),
    "ecs": ("AmazonEC2ContainerServiceV20141113", "1.1"),
    "ssm": ("AmazonSSM", "1.1"),
    "secretsmanager": ("secretsmanager", "1.1"),
}
_DOMAINS = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
_TRANSIENT = ("Throttl", "TooManyUpdates", "RequestLimitExceeded", "InternalServ")
_idle: dict[str, http.client.HTTPConnection] = {}
"""An open connection of each host that no call uses now; threads share it, because Starlette's are short-lived."""
_task_credentials: "Credentials | None" = None
sleep: Callable[[float], None] = time.sleep


class AwsError(RuntimeError):
    """AWS refused a call; `code` is AWS's error code, `status` the HTTP status."""

    def __init__(self, operation: str, status: int, code: str, message: str) -> None:
        super().__init__(f"{operation} was refused: {code} ({status}) {message}".rstrip())
        self.status, self.code = status, code


@dataclass(frozen=True)
class Credentials:
    """AWS credentials."""

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
    """Call an operation in the region `where` (our own by default), and return its response.

    Raises `AwsError`, `OSError` if AWS cannot be reached, and `UsageError` without credentials or a region.
    """
    prefix, version = _PROTOCOLS[service]
    headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{prefix}.{operation}"}
    return send("POST", service, operation, "/", headers, payload, endpoint=endpoint, where=where, tries=tries)


def send(
    method: str,
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
    """Send a signed JSON request; `path` is quoted, and `operation` is its name in errors."""
    where = where or region()
    url = urlsplit(endpoint or address(service, where))
    body = json.dumps(payload, ensure_ascii=False).encode()
    for attempt in range(1, tries + 1):
        try:
            scope = f"{where}/{service}"
            signed = sign(scope, path, url.netloc, headers, body, credentials(), datetime.now(UTC), method=method)
            status, content = _exchange(url, method, path, signed, body)
        except (OSError, http.client.HTTPException):
            if attempt == tries:
                raise
        else:
            if status < 300:
                return json.loads(content) if content else {}
            error = _error(operation, status, content)
            if attempt == tries or not (status >= 500 or status == 429 or error.code.startswith(_TRANSIENT)):
                raise error
        pause(attempt)
    raise AssertionError("unreachable")


def pause(attempt: int) -> None:
    """Wait before a retry: a random time, whose maximum doubles with each attempt."""
    sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter, nothing secret


def region() -> str:
    """Return the region of this function, task or laptop; raises `UsageError` if none is set."""
    name = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not name:
        raise UsageError(
            "AWS_REGION is not set. Name the region that the app runs in, such as: AWS_REGION=eu-central-1"
        )
    return name


def address(service: str, where: str) -> str:
    """Return the service's endpoint in a region, or AWS_ENDPOINT_URL, which AWS's own tools read as well."""
    override = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")
    return override or f"https://{service}.{where}.{_DOMAINS.get(where.partition('-')[0], 'amazonaws.com')}"


def _exchange(url: SplitResult, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    connection = _idle.pop(url.netloc, None) or _connect(url)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
    except BaseException:  # including a job's time limit: the next call must not read the rest of this response
        connection.close()
        raise
    if _idle.setdefault(url.netloc, connection) is not connection:
        connection.close()
    return response.status, content


def close() -> None:
    """Close the idle connections; the next call opens another."""
    while _idle:
        _idle.popitem()[1].close()


def _connect(url: SplitResult) -> http.client.HTTPConnection:
    if url.scheme == "https":
        return http.client.HTTPSConnection(url.netloc, timeout=TIMEOUT, context=tls.context())
    return http.client.HTTPConnection(url.netloc, timeout=TIMEOUT)


def _error(operation: str, status: int, content: bytes) -> AwsError:
    try:
        error = json.loads(content)
        code = str(error.get("__type") or error.get("code") or "").rpartition("#")[2]
        message = str(error.get("message") or error.get("Message") or "")
    except (ValueError, AttributeError):
        code, message = "", content[:200].decode(errors="replace")
    return AwsError(operation, status, code or "Unknown", message)


def sign(
    where: str,
    path: str,
    host: str,
    headers: dict[str, str],
    body: bytes,
    by: Credentials,
    moment: datetime,
    *,
    method: str = "POST",
) -> dict[str, str]:
    """Return the headers with their Signature Version 4; `where` is region and service: `eu-central-1/sqs`."""
    stamp = moment.strftime("%Y%m%dT%H%M%SZ")
    signed = headers | {"host": host, "x-amz-date": stamp}
    if by.token:
        signed["x-amz-security-token"] = by.token
    names = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name]}\n" for name in sorted(signed)]
    request = f"{method}\n{quote(path)}\n\n{''.join(lines)}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{where}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(signing_key(by.secret_key, scope), text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={by.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


def signing_key(secret: str, scope: str) -> bytes:
    """Return the key that signs in a scope: `20260102/eu-central-1/sqs/aws4_request`."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def credentials() -> Credentials:
    """Return Lambda's from the environment, a task's from its endpoint, a laptop's from boto3 (profiles, SSO)."""
    if key := os.environ.get("AWS_ACCESS_KEY_ID"):
        return Credentials(key, os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN"))
    if path := os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        return _from_task(path)
    return _from_boto3()


def _from_task(path: str) -> Credentials:
    global _task_credentials
    known = _task_credentials
    if known and known.expires and known.expires - datetime.now(UTC) > timedelta(minutes=5):
        return known
    connection = http.client.HTTPConnection("169.254.170.2", timeout=2)  # the ECS agent
    try:
        connection.request("GET", path)
        response = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    expires = datetime.fromisoformat(response["Expiration"])
    _task_credentials = Credentials(response["AccessKeyId"], response["SecretAccessKey"], response["Token"], expires)
    return _task_credentials


def _from_boto3() -> Credentials:
    try:
        boto3 = import_module("boto3")
    except ImportError:
        raise UsageError("AWS gave this process no credentials: set AWS_ACCESS_KEY_ID, or install boto3.") from None
    session_credentials = boto3.Session().get_credentials()
    if session_credentials is None:
        raise UsageError("No AWS credentials were found. Log in first: aws sso login, or set AWS_PROFILE.")
    frozen = session_credentials.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)
