"""Health checks: of a version before it goes live, and of the public address afterwards."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

from botocore.config import Config

from kit.errors import UsageError
from kit.ops import retry
from kit.ops.aws_account import Account
from kit.ops.stage import Stage

PATH = "/health"
TIMEOUT = 60.0
"""Seconds until the address must be healthy."""
EVENT = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": PATH,
    "rawQueryString": "",
    "headers": {"host": "deploy"},
    "requestContext": {
        "domainName": "deploy",
        "http": {"method": "GET", "path": PATH, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "deploy"},
        "requestId": "deploy",
        "stage": "$default",
    },
    "isBase64Encoded": False,
}
"""A request in API Gateway's HTTP API payload format 2.0."""


def check_version(account: Account, stage: Stage, number: str) -> None:
    """Invoke a version of the web function; raises `UsageError` with its response unless that is a 200."""
    functions = account.session.client("lambda", config=retry.RETRY.merge(Config(read_timeout=60)))
    response = functions.invoke(
        FunctionName=f"{stage.resource_prefix}-web", Qualifier=number, Payload=json.dumps(EVENT).encode()
    )
    text = response["Payload"].read().decode(errors="replace")
    if response.get("FunctionError") or _status_code(text) != 200:
        raise UsageError(f"{PATH} of the new version returned: {text[:1000]}")


def _status_code(text: str) -> Any:
    try:
        return json.loads(text).get("statusCode")
    except (ValueError, AttributeError):
        return None


def check_address(address: str) -> None:
    """Poll the address until it returns 200; raises `UsageError` with its last response otherwise."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            with urllib.request.urlopen(f"{address}{PATH}", timeout=30):  # noqa: S310  # https, or the emulator's http
                return
        except urllib.error.HTTPError as error:
            response = f"{error.code} {error.reason}"
        except OSError as error:
            response = str(error)
        if time.monotonic() > deadline:
            raise UsageError(f"{address}{PATH} is not healthy after {TIMEOUT:.0f} s: {response}")
        time.sleep(retry.POLL_SECONDS)
