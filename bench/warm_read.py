"""What the kit costs on a warm request: a page of the wall over TLS, against the raw driver in the same app.

    uv run python bench/warm_read.py [300]

The app answers the same page from the same 20 messages in turns: once as it is (the kit's session, SQLAlchemy's ORM),
once with PyMySQL alone on a connection of its own, through the same verified TLS. Prints the medians and their ratio.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymysql

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import mysql


def main() -> None:
    turns = min(int(sys.argv[1]) if len(sys.argv) > 1 else 300, 5000)
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app"
        command = ["copier", "copy", "--quiet", "--defaults", "--trust", "--skip-tasks", "--vcs-ref=HEAD", ROOT, app]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        (tls := Path(folder) / "tls").mkdir()
        with mysql.server(tls) as server:
            sys.path.insert(0, str(app))
            values = {"DATABASE_URL": server.url(), "DATABASE_CA": server.ca, "AWS_LAMBDA_FUNCTION_NAME": "bench"}
            os.environ |= values | {"LOG_LEVEL": "error", "DATABASE_LIMITS": "warn"}
            measure(server, turns)


def measure(server: mysql.Server, turns: int) -> None:
    from app import wall, web
    from kit import connection, migrations

    migrations.upgrade()
    for number in range(30):
        wall.post(f"message {number}: こんにちは 👋 " + "x" * 100)
    through_kit = wall.page
    raw = pymysql.connect(
        host="localhost", port=server.container.port(3306), user="root", password=mysql.ROOT_PASSWORD, database="app",
        ssl=connection.tls(server.ca), charset="utf8mb4", autocommit=True,
    )  # fmt: skip

    def by_driver(before: int | None = None) -> tuple[list[Any], int | None]:
        with raw.cursor() as cursor:
            cursor.execute("SELECT id, text, posted_at FROM messages ORDER BY id DESC LIMIT %s", (wall.PAGE + 1,))
            rows = cursor.fetchall()
        messages = [SimpleNamespace(id=row[0], text=row[1], posted_at=row[2].replace(tzinfo=UTC)) for row in rows]
        more = len(messages) > wall.PAGE
        return messages[: wall.PAGE], messages[wall.PAGE - 1].id if more else None

    pages: dict[str, Callable[..., Any]] = {"the kit": through_kit, "PyMySQL alone": by_driver}
    requests: dict[str, list[float]] = {name: [] for name in pages}
    queries: dict[str, list[float]] = {name: [] for name in pages}
    loop = asyncio.new_event_loop()
    for turn in range(turns + 20):
        for name, page in pages.items():
            wall.page = page
            begun = time.perf_counter()
            status = loop.run_until_complete(ask(web.app))
            took = time.perf_counter() - begun
            begun = time.perf_counter()
            page()
            asked = time.perf_counter() - begun
            assert status == 200
            if turn >= 20:  # until then it warms up
                requests[name].append(took)
                queries[name].append(asked)
    loop.close()
    raw.close()
    for what, measured in (("request", requests), ("query alone", queries)):
        medians = {name: statistics.median(values) * 1000 for name, values in measured.items()}
        told = ", ".join(f"{name} {value:.2f} ms" for name, value in medians.items())
        print(f"{what:<12} {told}, ratio {medians['the kit'] / medians['PyMySQL alone']:.2f}")


async def ask(app: Any) -> int:
    """One GET / as an ASGI server would pass it on."""
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
        "path": "/", "raw_path": b"/", "root_path": "", "query_string": b"", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("localhost", 443),
    }  # fmt: skip
    await app(scope, receive, send)
    return status


if __name__ == "__main__":
    main()
