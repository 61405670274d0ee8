"""`python -m kit dev`: the web app and its jobs on a laptop, on a migrated database, reloaded on change."""

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kit.errors import UsageError

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds that the worker has to end."""


def register(commands: Any) -> None:
    """Add the command."""
    dev = commands.add_parser("dev", help="migrate, then serve the web app and reload it on change")
    dev.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: $PORT or 8000")
    dev.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Serve on `http://127.0.0.1:PORT` until Ctrl-C."""
    port = free_port(arguments.port)

    import uvicorn

    from kit import references, settings
    from kit.db import database, migrations

    if not database.is_planetscale(settings.current().database_url):
        migrations.upgrade()
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
    """Work off the local queue beside the web app, in a process of its own."""
    from kit.web import worker_notice

    process = subprocess.Popen([sys.executable, "-m", "kit", "jobs", "worker", "--reload"])
    os.environ[worker_notice.VARIABLE] = str(process.pid)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:  # a job that cannot be interrupted; it is given out again
            process.kill()
            process.wait()


def free_port(text: str) -> int:
    """Give the port as a number; raises `UsageError` when it is none, or taken."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise UsageError(f"PORT is {text!r}, which is not a port. Choose a number from 1 to 65535: make dev PORT=8001")
    port = int(text)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise UsageError(f"Port {port} is the system's own. Choose one above 1023: make dev PORT=8001") from None
        except OSError:
            another = port + 1 if port < 65535 else 8000
            raise UsageError(f"Port {port} is taken. Choose another: make dev PORT={another}") from None
    return port
