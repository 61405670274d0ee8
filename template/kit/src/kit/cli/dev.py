"""`python -m kit dev`: run the web app and its jobs on a laptop, with a migrated database and automatic reload."""

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kit.cli import with_database
from kit.errors import UsageError

HOST = "127.0.0.1"
STOP_SECONDS = 10.0
"""How long the worker may take to stop."""


def register(commands: Any) -> None:
    """Add the command."""
    dev = commands.add_parser("dev", help="migrate, then serve the web app and reload it on change")
    dev.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: $PORT or 8000")
    dev.add_argument("--db", metavar="NAME", help="mysql: a server in a container, which ends with the command")
    dev.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Serve on `http://127.0.0.1:PORT` until Ctrl-C."""
    port = free_port(arguments.port)
    if arguments.db:
        with_database.use(arguments.db)

    import uvicorn

    from kit import references, settings
    from kit.cli import migrate
    from kit.db import database

    settings.check()
    if not database.is_planetscale(settings.current().database_url):
        migrate.directly()
    print(f"\n  Open http://{HOST}:{port}   (Ctrl-C ends it)\n", file=sys.stderr, flush=True)
    folders = [str(settings.PROJECT / name) for name in ("app", "kit")]
    with suppress(KeyboardInterrupt), worker():
        uvicorn.run(
            references.WEB_APP,
            host=HOST,
            port=port,
            reload=True,
            reload_dirs=folders,
            log_config=None,
            log_level="warning",
        )


@contextmanager
def worker() -> Iterator[None]:
    """Run a worker for the local queue beside the web app, in a process of its own."""
    from kit.web import worker_notice

    process = subprocess.Popen([sys.executable, "-m", "kit", "jobs", "worker", "--reload"])
    os.environ[worker_notice.VARIABLE] = str(process.pid)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:  # a job that can't be interrupted; it will be delivered again
            process.kill()
            process.wait()


def free_port(text: str) -> int:
    """Parse a port; raises `UsageError` if it is invalid or in use."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise UsageError(f"Invalid PORT {text!r}. Choose a number from 1 to 65535: make dev PORT=8001")
    port = int(text)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise UsageError(
                f"Port {port} is reserved for the system. Choose one above 1023: make dev PORT=8001"
            ) from None
        except OSError:
            another = port + 1 if port < 65535 else 8000
            raise UsageError(f"Port {port} is in use. Choose another: make dev PORT={another}") from None
    return port
