"""PlanetScale's HTTP API: a request, its answer, and what to do when it is refused.

By a service token (PLANETSCALE_SERVICE_TOKEN_ID and PLANETSCALE_SERVICE_TOKEN, or a secret that keeps both), or through
`pscale api`, which has its own login. Source: planetscale.com/docs/api/reference, and the OpenAPI document behind it.
"""

import json
import os
import random
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from kit import secrets
from kit.errors import UsageError
from kit.planetscale.project import Project

ATTEMPTS = 6


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status, its JSON, and the seconds after which to ask again, if it said so."""

    status: int
    body: Any
    retry_after: float | None = None


class Transport(Protocol):
    """Sends one request; a status of 0 means that no answer came."""

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> Answer: ...


class ApiError(Exception):
    """PlanetScale refused a request."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        said = answer.body.get("message") if isinstance(answer.body, dict) else answer.body
        super().__init__(
            f"PlanetScale answered {answer.status or 'nothing'} to {method} {path}: {said or '(no reason)'}"
        )
        self.status = answer.status


class Unsure(ApiError):
    """No answer, or the server's own failure: it may have been done all the same."""


class Api:
    """Requests about one database.

    What changes nothing, or changes nothing more when repeated, is asked again when PlanetScale is busy or fails.
    A `POST` is repeated only when it was certainly not done (429); otherwise `Unsure` is raised.
    """

    def __init__(self, project: Project, transport: Transport, sleep: Callable[[float], None] = time.sleep) -> None:
        self.base = f"organizations/{quote(project.organization)}/databases/{quote(project.database)}"
        self.transport = transport
        self.sleep = sleep

    def get(self, path: str = "", **query: str) -> Any:
        """Ask; raises `ApiError`."""
        return self.request("GET", f"{path}?{urlencode(query)}" if query else path)

    def find(self, path: str) -> Any:
        """Ask; None when there is no such thing."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def post(self, path: str, **body: Any) -> Any:
        """Create something, or set something off."""
        return self.request("POST", path, body)

    def patch(self, path: str, **body: Any) -> Any:
        """Change something."""
        return self.request("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete something; that it is gone already is as good."""
        try:
            self.request("DELETE", path)
        except ApiError as error:
            if error.status != 404:
                raise

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send it, more than once where that is safe."""
        full = f"{self.base}/{path}" if path else self.base
        for attempt in range(1, ATTEMPTS + 1):
            answer = self.transport(method, full, body)
            if 0 < answer.status < 400:
                return answer.body
            failed = answer.status == 0 or answer.status >= 500
            again = answer.status == 429 or (failed and method != "POST")
            if not again or attempt == ATTEMPTS:
                break
            spread = random.uniform(0.5, 1)  # noqa: S311  # spread, not secret
            self.sleep(min(answer.retry_after if answer.retry_after is not None else spread * 2**attempt, 60))
        raise (Unsure if failed else ApiError)(method, full, answer)


def transport() -> Transport:
    """By the service token if the environment has one or names one, else through pscale; `UsageError` without any."""
    identity, token = os.environ.get("PLANETSCALE_SERVICE_TOKEN_ID"), os.environ.get("PLANETSCALE_SERVICE_TOKEN")
    if identity and token:
        return Http(identity, token)
    if name := os.environ.get("PLANETSCALE_TOKEN_SECRET", "").strip():
        return Http(*_kept(name))
    if program := shutil.which("pscale"):
        return Pscale(program)
    raise UsageError(
        "PlanetScale cannot be asked: set PLANETSCALE_SERVICE_TOKEN_ID and PLANETSCALE_SERVICE_TOKEN (with the accesses "
        "read_database, create_branch, read_branch, delete_branch, connect_branch, create_deploy_request and "
        "read_deploy_request), or install pscale and run `pscale auth login`."
    )


def _kept(name: str) -> tuple[str, str]:
    """The service token in the cloud: its id and its text, from a secret."""
    try:
        identity, _, token = secrets.read(name).strip().partition(":")
    except secrets.SecretUnavailable as error:
        raise UsageError(f"PlanetScale cannot be asked: {error}") from None
    if not token:
        raise UsageError(f"The secret {name} holds no service token. Write both parts into it: ID:TOKEN")
    return identity, token


class Http:
    """Straight to PlanetScale, with a service token."""

    def __init__(self, identity: str, token: str, base: str = "https://api.planetscale.com/v1") -> None:
        self.authorization = f"{identity}:{token}"
        self.base = base

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        headers = {"authorization": self.authorization, "accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["content-type"] = "application/json"
        request = urllib.request.Request(f"{self.base}/{path}", data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return Answer(answer.status, _json(answer.read()))
        except urllib.error.HTTPError as error:
            after = error.headers.get("retry-after", "")
            return Answer(error.code, _json(error.read()), float(after) if after.isdecimal() else None)
        except OSError as error:
            return Answer(0, {"message": str(error)})


class Pscale:
    """Through `pscale api`, with whatever login it has."""

    def __init__(self, program: str) -> None:
        self.program = program

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        path, _, query = path.partition("?")
        command = [self.program, "api", "--method", method, path]
        for pair in filter(None, query.split("&")):
            command += ["--query", pair]
        if body is not None:
            command += ["--input", "-"]
        try:
            done = subprocess.run(  # noqa: S603
                command, input=json.dumps(body or {}), capture_output=True, text=True, timeout=60, check=False
            )
        except subprocess.TimeoutExpired:
            return Answer(0, {"message": "pscale did not come back"})
        if done.returncode == 0:
            return Answer(200, _json(done.stdout.encode()))
        status = re.search(r"HTTP (\d{3})", done.stderr)
        return Answer(int(status[1]) if status else 0, _json(done.stdout.encode()) or {"message": done.stderr.strip()})


def _json(text: bytes) -> Any:
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return {"message": text.decode(errors="replace")[:200]}
