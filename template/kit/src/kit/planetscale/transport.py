"""One request to PlanetScale's HTTP API and its response, without retries.

With a service token (PLANETSCALE_SERVICE_TOKEN_ID and PLANETSCALE_SERVICE_TOKEN, or a secret that holds both), or through
`pscale api`, which has its own login. Source: planetscale.com/docs/api/reference
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

from kit import secrets
from kit.errors import UsageError

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Response:
    """An HTTP status, the JSON body, and the seconds to wait before a retry where the server names them.

    A status of 0 means that no complete response came: the request may have been carried out or not.
    """

    status: int
    body: Any
    retry_after: float | None = None


class Transport(Protocol):
    """Sends one request; `path` is relative to the API's root and percent-encoded."""

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> Response: ...


def choose() -> Transport:
    """The service token if the environment has or names one, else pscale; raises `UsageError` without any."""
    token_id, token = os.environ.get("PLANETSCALE_SERVICE_TOKEN_ID"), os.environ.get("PLANETSCALE_SERVICE_TOKEN")
    if token_id and token:
        return Http(token_id, token)
    if name := os.environ.get("PLANETSCALE_TOKEN_SECRET", "").strip():
        return Http(*_from_secret(name))
    if program := shutil.which("pscale"):
        return Pscale(program)
    raise UsageError(
        "There is no way to call PlanetScale: set PLANETSCALE_SERVICE_TOKEN_ID and PLANETSCALE_SERVICE_TOKEN, "
        "or install pscale and run `pscale auth login`. kit/docs/github.md lists what a token must be able to do."
    )


def _from_secret(name: str) -> tuple[str, str]:
    try:
        token_id, _, token = secrets.read(name).strip().partition(":")
    except secrets.SecretUnavailable as error:
        raise UsageError(f"There is no way to call PlanetScale: {error}") from None
    if not token:
        raise UsageError(f"The secret {name} holds no service token. Write both parts into it: ID:TOKEN")
    return token_id, token


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Returns a redirect as it is: urllib would send the token along, to whatever host the redirect names."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Http:
    """Calls the API with a service token."""

    def __init__(self, token_id: str, token: str, base: str = "https://api.planetscale.com/v1") -> None:
        self.authorization = f"{token_id}:{token}"
        self.base = base
        self.opener = urllib.request.build_opener(_NoRedirects)

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> Response:
        headers = {"authorization": self.authorization, "accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["content-type"] = "application/json"
        request = urllib.request.Request(f"{self.base}/{path}", data, headers, method=method)  # noqa: S310
        try:
            with self.opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return parsed(response.status, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return parsed(error.code, _error_body(error), error.headers.get("retry-after"))
        except (OSError, http.client.HTTPException) as error:
            return Response(0, {"message": f"{type(error).__name__}: {error}"})


def _error_body(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read()
    except (OSError, http.client.HTTPException):
        return b""  # the status says enough


class Pscale:
    """Calls the API through `pscale api`, with its login. Source: planetscale/cli, internal/cmd/api/api.go"""

    def __init__(self, program: str) -> None:
        self.program = program

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> Response:
        path, _, query = path.partition("?")
        command = [self.program, "api", "--method", method, unquote(path)]  # pscale encodes path and query itself
        for name, value in parse_qsl(query):
            command += ["--query", f"{name}={value}"]
        if body is not None:
            command += ["--input", "-"]
        try:
            process = subprocess.run(  # noqa: S603
                command, input=json.dumps(body or {}), capture_output=True, text=True, timeout=60, check=False
            )
        except subprocess.TimeoutExpired:
            return Response(0, {"message": "pscale did not answer within 60 seconds"})
        if process.returncode == 0:
            return parsed(200, process.stdout.encode())
        if status := re.search(r"HTTP (\d{3})", process.stderr):
            return parsed(int(status[1]), process.stdout.encode())
        if re.search(r"(sending HTTP request|reading HTTP response body):", process.stderr):
            return Response(0, {"message": process.stderr.strip()})
        raise UsageError(
            f"pscale could not call PlanetScale: {process.stderr.strip() or '(no message)'}\n"
            "Check its login with: pscale auth check"
        )


def parsed(status: int, body: bytes, retry_after: str | None = None) -> Response:
    """The response with its JSON read; a success whose JSON is cut off counts as no response."""
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    try:
        return Response(status, json.loads(body) if body.strip() else {}, seconds)
    except ValueError:
        text = body.decode(errors="replace")[:200]
        return Response(0 if 200 <= status < 300 else status, {"message": f"not JSON: {text}"}, seconds)
