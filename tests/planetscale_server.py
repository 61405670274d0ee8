"""A server that answers as PlanetScale's API does, by its OpenAPI document (api.planetscale.com/v1, 2026).

Only what the kit may call exists, with the fields that the document names; anything else is a 404 or a 422.
A deploy request moves on by one state each time that it is looked at.
"""

import itertools
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "id:token"
FIELDS = {
    "branches": {"name", "parent_branch"},
    "passwords": {"name", "role", "ttl", "replica", "cidrs", "direct_vtgate"},
    "deploy-requests": {"branch", "into_branch", "notes", "auto_cutover", "auto_delete_branch"},
}
NEXT = {
    "pending": "ready",
    "queued": "submitting",
    "submitting": "in_progress",
    "in_progress": "in_progress_cutover",
    "in_progress_cutover": "complete_pending_revert",
}


class PlanetScale:
    """The database's settings, branches, passwords and deploy requests; and the faults to come."""

    def __init__(self, database: str = "my-app") -> None:
        self.base = f"/v1/organizations/my-org/databases/{database}"
        self.database = {"name": database, "automatic_migrations": True, "migration_table_name": "alembic_version"}
        self.branches: dict[str, dict[str, Any]] = {
            "main": {"name": "main", "production": True, "safe_migrations": True, "ready": True}
        }
        self.passwords: dict[str, dict[str, Any]] = {}
        self.users = itertools.count(1)
        self.leads_to: dict[str, str] = {}
        """Where the passwords lead, in the words of an answer: to a server of the test's, instead of nowhere."""
        self.requests: list[dict[str, Any]] = []
        self.lint_errors: list[dict[str, str]] = []
        self.deployed = 0
        self.refused_deploy: tuple[int, str] | None = None
        self.seen: list[str] = []
        self.faults: dict[int, tuple[int, dict[str, str], bool]] = {}
        """By the number of the request: a status, headers, and whether it is done all the same."""

    def handle(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        number = len(self.seen)
        self.seen.append(f"{method} {target}")
        if fault := self.faults.get(number):
            if fault[2]:
                self.answer(method, target, body)
            return fault[0], {"code": "x", "message": "not now"}, fault[1]
        return *self.answer(method, target, body), {}

    def answer(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(target)
        if not parts.path.startswith(self.base):
            return 404, {"code": "not_found", "message": "Not Found"}
        path = parts.path.removeprefix(self.base).strip("/")
        query = dict(parse_qsl(parts.query))
        for pattern, act in (
            (r"", self._database),
            (r"branches", self._branches),
            (r"branches/([^/]+)", self._branch),
            (r"branches/([^/]+)/passwords", self._passwords),
            (r"branches/([^/]+)/passwords/([^/]+)", self._password),
            (r"deploy-requests", self._requests),
            (r"deploy-requests/(\d+)", self._request),
            (r"deploy-requests/(\d+)/(deploy|apply-deploy|skip-revert)", self._action),
        ):
            if found := re.fullmatch(pattern, path):
                return act(method, query, body, *found.groups())
        return 404, {"code": "not_found", "message": "Not Found"}

    def _database(self, method: str, _query: Any, _body: Any) -> tuple[int, Any]:
        return (200, self.database) if method == "GET" else (403, {"message": "production is never changed"})

    def _branches(self, method: str, _query: Any, body: dict[str, Any]) -> tuple[int, Any]:
        if method != "POST" or wrong("branches", body):
            return 422, {"message": wrong("branches", body)}
        if body["name"] in self.branches:
            return 422, {"code": "unprocessable", "message": "Name has already been taken"}
        made = {"name": body["name"], "production": False, "safe_migrations": False, "ready": False}
        self.branches[body["name"]] = made
        return 201, made

    def _branch(self, method: str, _query: Any, _body: Any, name: str) -> tuple[int, Any]:
        if name not in self.branches:
            return 404, {"code": "not_found", "message": "Not Found"}
        if method == "DELETE":
            if self.branches[name]["production"]:
                return 403, {"message": "a production branch is never deleted"}
            del self.branches[name]
            self.passwords = {key: one for key, one in self.passwords.items() if one["branch"] != name}
            return 204, None
        shown = dict(self.branches[name])
        self.branches[name]["ready"] = True
        return 200, shown

    def _passwords(self, method: str, _query: Any, body: dict[str, Any], branch: str) -> tuple[int, Any]:
        if branch not in self.branches or branch == "main":
            return 404, {"code": "not_found", "message": "Not Found"}
        if method == "GET":
            shown = [one | {"plain_text": None} for one in self.passwords.values() if one["branch"] == branch]
            return 200, {"type": "list", "data": shown}
        if (complaint := wrong("passwords", body)) or body["role"] != "admin" or body.get("ttl", 0) > 3600:
            return 422, {"message": complaint or "role or ttl"}
        identity, user = f"pw{len(self.seen)}", f"u/{next(self.users)}"
        self.passwords[identity] = {"id": identity, "branch": branch, "name": body["name"], "username": user}
        self.passwords[identity] |= {name: value for name, value in self.leads_to.items() if name == "username"}
        shown = {"plain_text": "pscale_pw_@1", "access_host_url": "aws.connect.psdb.cloud"} | self.leads_to
        return 201, self.passwords[identity] | shown

    def _password(self, _method: str, _query: Any, _body: Any, _branch: str, identity: str) -> tuple[int, Any]:
        return (204, None) if self.passwords.pop(identity, None) else (404, {"message": "Not Found"})

    def _requests(self, method: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if method == "GET":
            chosen = [one for one in self.requests if all(one[key] == value for key, value in query.items())]
            shown = json.loads(json.dumps(chosen))
            for one in chosen:
                self.move_on(one)
            return 200, {"type": "list", "data": shown[::-1]}
        if (complaint := wrong("deploy-requests", body)) or body["branch"] not in self.branches:
            return 422, {"message": complaint or "no such branch"}
        if any(one["branch"] == body["branch"] and one["state"] == "open" for one in self.requests):
            return 422, {"message": "There is already an open deploy request for this branch"}
        deployment = {"deployable": not self.lint_errors, "lint_errors": self.lint_errors}
        made = {
            "number": len(self.requests) + 1,
            "state": "open",
            "deployment_state": "pending",
            "branch": body["branch"],
            "into_branch": body["into_branch"],
            "deployment": deployment,
            "html_url": "https://app.planetscale.com/my-org/my-app/deploy-requests/1",
        }
        self.requests.append(made)
        return 201, made

    def _request(self, method: str, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        one = self.requests[int(number) - 1]
        if method == "PATCH" and body == {"state": "closed"}:
            one["state"] = "closed"
        shown = dict(one)
        self.move_on(one)
        return 200, shown

    def _action(self, _method: str, _query: Any, _body: Any, number: str, action: str) -> tuple[int, Any]:
        one = self.requests[int(number) - 1]
        expected = {"deploy": "ready", "apply-deploy": "pending_cutover", "skip-revert": "complete_pending_revert"}
        if one["deployment_state"] != expected[action]:
            return 422, {"message": f"it is {one['deployment_state']}"}
        if action == "deploy":
            if self.refused_deploy:
                return self.refused_deploy[0], {"message": self.refused_deploy[1]}
            self.deployed += 1
        one["deployment_state"] = {
            "deploy": "queued",
            "apply-deploy": "in_progress_cutover",
            "skip-revert": "complete",
        }[action]
        return 200, one

    def move_on(self, one: dict[str, Any]) -> None:
        one["deployment_state"] = NEXT.get(one["deployment_state"], one["deployment_state"])
        if one["deployment_state"] in {"complete", "complete_pending_revert"}:
            one["state"] = "closed"

    @property
    def left(self) -> tuple[list[str], list[str]]:
        """The branches beside production, and the passwords."""
        return sorted(self.branches.keys() - {"main"}), sorted(self.passwords)


def wrong(kind: str, body: dict[str, Any]) -> str:
    unknown = sorted(body.keys() - FIELDS[kind])
    return f"unknown fields: {unknown}" if unknown else ""


def pscale(folder: Path, base: str) -> Path:
    """Write a program that stands in for PlanetScale's command line, which has a login; give its path."""
    program = folder / "pscale"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, urllib.error, urllib.parse, urllib.request\n"
        "assert sys.argv[1:3] == ['api', '--method']\n"
        "method, path, rest = sys.argv[3], sys.argv[4], sys.argv[5:]\n"
        "query = '&'.join(value for flag, value in zip(rest, rest[1:]) if flag == '--query')\n"
        "data = sys.stdin.buffer.read() if '--input' in rest else None\n"
        f"url = '{base}/' + path + ('?' + query if query else '')\n"
        f"request = urllib.request.Request(url, data, {{'authorization': '{TOKEN}'}}, method=method)\n"
        "try:\n"
        "    print(urllib.request.urlopen(request).read().decode())\n"
        "except urllib.error.HTTPError as error:\n"
        "    print(error.read().decode())\n"
        "    sys.exit(f'Error: HTTP {error.code} {error.reason}')\n"
    )
    program.chmod(0o755)
    return program


@contextmanager
def serve(planetscale: PlanetScale) -> Iterator[str]:
    """Serve it on a loopback port; gives the base of its addresses."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, said, headers = 401, {"code": "unauthorized", "message": "Unauthorized"}, {}
            if self.headers["authorization"] == TOKEN:
                status, said, headers = planetscale.handle(self.command, self.path, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if said is not None:
                self.wfile.write(json.dumps(said).encode())

        do_POST = do_PATCH = do_DELETE = do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
