"""Whether the app answers: a version before anyone meets it, and the address afterwards."""

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
WAIT = 60.0
"""Seconds that the address has to answer in."""
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
"""A request as the HTTP API hands it to the function (payload format 2.0)."""


def version(account: Account, stage: Stage, number: str) -> None:
    """Ask a version of the web function itself; raises `UsageError` with its answer when that is not 200."""
    functions = account.session.client("lambda", config=retry.PATIENT.merge(Config(read_timeout=60)))
    told = functions.invoke(FunctionName=f"{stage.called}-web", Qualifier=number, Payload=json.dumps(EVENT).encode())
    text = told["Payload"].read().decode(errors="replace")
    if told.get("FunctionError") or _status(text) != 200:
        raise UsageError(f"{PATH} of the new version answers: {text[:1000]}")


def _status(text: str) -> Any:
    try:
        return json.loads(text).get("statusCode")
    except (ValueError, AttributeError):
        return None


def address(at: str) -> None:
    """Ask the address until it answers 200; raises `UsageError` with its last answer when it does not."""
    end = time.monotonic() + WAIT
    while True:
        try:
            with urllib.request.urlopen(f"{at}{PATH}", timeout=30):  # noqa: S310  # https, or the emulator's http
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.reason}"
        except OSError as error:
            answer = str(error)
        if time.monotonic() > end:
            raise UsageError(f"{at}{PATH} does not answer within {WAIT:.0f} s: {answer}")
        time.sleep(retry.EVERY)
