"""A client for one PlanetScale database: retries, pages, and hints about missing access.

Source of the paths and accesses: PlanetScale's OpenAPI document of August 2026; the template's
tests/planetscale_openapi has a dated copy, and where it is from.
"""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

from kit.planetscale.project import Project
from kit.planetscale.transport import Response, Transport

ATTEMPTS = 8
"""Waits of 2, 4, 8, 16, 32, 60 and 60 seconds, less up to a half: more than the minute that a rate limit counts over."""

ACCESSES = {
    ("GET", ""): "read_database",
    ("GET", "branches"): "read_branch",
    ("GET", "branches/{}"): "read_branch",
    ("GET", "branches/{}/schema"): "read_branch",
    ("POST", "branches"): "create_branch",
    ("DELETE", "branches/{}"): "delete_branch",
    ("GET", "branches/{}/passwords"): "read_branch",
    ("POST", "branches/{}/passwords"): "connect_branch",
    ("DELETE", "branches/{}/passwords/{}"): "delete_branch_password",
    ("GET", "deploy-requests"): "read_deploy_request",
    ("GET", "deploy-requests/{}"): "read_deploy_request",
    ("POST", "deploy-requests"): "create_deploy_request",
    ("PATCH", "deploy-requests/{}"): "create_deploy_request",
    ("POST", "deploy-requests/{}/deploy"): "create_deploy_request",
    ("POST", "deploy-requests/{}/complete-deploy"): "create_deploy_request",
    ("POST", "deploy-requests/{}/skip-revert"): "create_deploy_request",
}
"""The service token access that each call of the kit needs."""


class ApiError(Exception):
    """PlanetScale refused a request; the message has its reason and, if access is missing, which to add."""

    def __init__(self, method: str, template: str, path: str, response: Response) -> None:
        body = response.body
        self.status = response.status
        self.reason = str(body.get("message") or "(no reason)") if isinstance(body, dict) else str(body)
        access = ACCESSES.get((method, template), "")
        hints = {
            401: "The service token is wrong or was deleted.",
            403: f"The service token needs the access {access}.",
            404: f"Either it does not exist, or the service token lacks the access {access}.",
        }
        hint = hints.get(self.status, "It redirects, which is not followed." if 300 <= self.status < 400 else "")
        super().__init__(
            f"PlanetScale answered {self.status or 'nothing'} to {method} {path}: {self.reason} {hint}".rstrip()
        )


class Unsure(ApiError):
    """No response, or a server error: the request may have been carried out nevertheless."""


class NotFound(ApiError):
    """404: it does not exist, or the token may not see it.

    Source: planetscale/cli, pull request 1067 and internal/cmdutil/auth.go
    """


class Client:
    """Requests about one database. A path has `{}` for each name that it contains.

    An idempotent request is retried when PlanetScale is busy or fails. A `POST` is retried only after 429, when it was
    certainly not carried out; otherwise `Unsure` is raised.
    """

    def __init__(self, project: Project, transport: Transport, sleep: Callable[[float], None] = time.sleep) -> None:
        self.base = f"organizations/{quote(project.organization)}/databases/{quote(project.database)}"
        self.transport = transport
        self.sleep = sleep

    def get(self, path: str = "", *names: object) -> Any:
        """Fetch something; raises `ApiError`."""
        return self.request("GET", path, names)

    def items(self, path: str, *names: object, **query: str) -> Iterator[Any]:
        """Fetch a list, page by page."""
        page: int | None = 1
        while page is not None:
            response = self.request("GET", path, names, query={**query, "page": str(page), "per_page": "100"})
            yield from response["data"]
            page = response["next_page"]

    def post(self, path: str, *names: object, **body: Any) -> Any:
        """Create something, or start something."""
        return self.request("POST", path, names, body=body)

    def patch(self, path: str, *names: object, **body: Any) -> Any:
        """Change something."""
        return self.request("PATCH", path, names, body=body)

    def delete(self, path: str, *names: object) -> None:
        """Delete something; raises `NotFound` when it is gone already, or when the token may not delete it."""
        self.request("DELETE", path, names)

    def request(
        self,
        method: str,
        template: str,
        names: tuple[object, ...] = (),
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Any:
        """Send a request, again where that is safe; returns the body of a successful response."""
        path = "/".join(filter(None, (self.base, template.format(*(quote(str(name), safe="") for name in names)))))
        url = f"{path}?{urlencode(query)}" if query else path
        for attempt in range(1, ATTEMPTS + 1):
            response = self.transport(method, url, body)
            if 200 <= response.status < 300:
                return response.body
            unsure = response.status == 0 or response.status >= 500
            retry = response.status == 429 or (unsure and method != "POST")
            if not retry or attempt == ATTEMPTS:
                break
            self.sleep(_delay(attempt, response.retry_after))
        kind = Unsure if unsure else NotFound if response.status == 404 else ApiError
        raise kind(method, template, path, response)


def _delay(attempt: int, retry_after: float | None) -> float:
    """Seconds until the next attempt: exponential with jitter, unless the server names them; at most a minute."""
    jitter = random.uniform(0.5, 1)  # noqa: S311  # not a secret
    return min(retry_after, 60.0) if retry_after is not None else jitter * min(2.0**attempt, 60.0)
