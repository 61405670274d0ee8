"""Health checks: of a version before it goes live, and of the public address afterwards."""

import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
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
    name = {"FunctionName": f"{stage.resource_prefix}-web", "Qualifier": number}
    variables = functions.get_function_configuration(**name).get("Environment", {}).get("Variables", {})
    event = EVENT | {"headers": {"host": "deploy"} | _origin_secret(account, variables)}
    response = functions.invoke(**name, Payload=json.dumps(event).encode())
    text = response["Payload"].read().decode(errors="replace")
    if response.get("FunctionError") or _status_code(text) != 200:
        raise UsageError(f"{PATH} of the new version returned: {text[:1000]}")


def _origin_secret(account: Account, variables: dict[str, str]) -> dict[str, str]:
    """The header without which a version behind a CDN refuses a request."""
    if not (name := variables.get("ORIGIN_SECRET_PARAMETER")):
        return {}
    ssm = account.session.client("ssm", config=retry.RETRY)
    return {"x-origin-secret": ssm.get_parameter(Name=name)["Parameter"]["Value"]}


def _status_code(text: str) -> Any:
    try:
        return json.loads(text).get("statusCode")
    except (ValueError, AttributeError):
        return None


def check_address(address: str, target: str = "") -> None:
    """Poll the address until it returns 200; raises `UsageError` with its last response otherwise.

    target: the host name in AWS that answers for an address of one's own. It is asked directly, whether or not the DNS
    record of that address exists already, and wherever it leads.
    """
    deadline = time.monotonic() + TIMEOUT
    while response := _problem(address, target):
        if time.monotonic() > deadline:
            raise UsageError(f"{address}{PATH} is not healthy after {TIMEOUT:.0f} s: {response}")
        time.sleep(retry.POLL_SECONDS)


def is_public(address: str) -> bool:
    """Whether the address itself returns 200: its DNS record leads to the API, or to what stands in front of it."""
    return not _problem(address, "")


def _problem(address: str, target: str) -> str:
    """What is wrong with the response to one request; empty if it is a 200."""
    try:
        if target:
            return _ask_directly(address.removeprefix("https://"), target)
        with urllib.request.urlopen(f"{address}{PATH}", timeout=30):  # noqa: S310  # https, or the emulator's http
            return ""
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}"
    except OSError as error:
        return str(error)


def _ask_directly(domain: str, target: str) -> str:
    connection = _Connection(domain, target)
    try:
        connection.request("GET", PATH)
        response = connection.getresponse()
        return "" if response.status == HTTPStatus.OK else f"{response.status} {response.reason}"
    except HTTPException as error:
        return repr(error)
    finally:
        connection.close()


class _Connection(HTTPSConnection):
    """A connection to a host that answers for another name; the certificate must be of that name."""

    def __init__(self, domain: str, target: str) -> None:
        super().__init__(domain, timeout=30)
        host, _, port = target.partition(":")
        self.target = host, int(port or 443)

    def connect(self) -> None:
        connection = socket.create_connection(self.target, timeout=30)
        self.sock = ssl.create_default_context().wrap_socket(connection, server_hostname=self.host)
