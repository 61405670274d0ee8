"""`python -m kit dev`: run the web app and its jobs on a laptop, with a migrated database and automatic reload."""

import argparse
import errno
import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kit.cli import with_database
from kit.errors import UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LOOPBACK = ipaddress.ip_address("127.0.0.1")
STOP_SECONDS = 10.0
"""How long the worker may take to stop."""


def register(commands: Any) -> None:
    """Add the command."""
    dev = commands.add_parser("dev", help="migrate, then serve the web app and reload it on change")
    dev.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: $PORT or 8000")
    dev.add_argument("--host", help=f"the address to listen on, 0.0.0.0 for all; default: $HOST or {LOOPBACK}")
    dev.add_argument("--db", metavar="NAME", help="mysql: a server in a container, which ends with the command")
    dev.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Serve until Ctrl-C, on 127.0.0.1 unless another address is given."""
    host = parse_host(arguments.host)
    port = free_port(arguments.port, host)
    if arguments.db:
        with_database.use(arguments.db)

    import uvicorn

    from kit import references, settings
    from kit.cli import migrate
    from kit.db import database
    from kit.web import policy_reports

    settings.check()
    if not database.is_planetscale(settings.current().database_url):
        migrate.directly()
    print(welcome(host, port), file=sys.stderr, flush=True)
    folders = [str(settings.PROJECT / name) for name in ("app", "kit")]
    os.environ[policy_reports.VARIABLE] = "1"
    with suppress(KeyboardInterrupt), worker():
        uvicorn.run(
            references.WEB_APP,
            host=str(host),
            port=port,
            reload=True,
            reload_dirs=folders,
            log_config=None,
            log_level="warning",
        )


def welcome(host: Address, port: int) -> str:
    """Return where to open the app, with a warning if other devices reach it."""
    shown = LOOPBACK if host.is_unspecified else host
    lines = [f"Open {url(shown, port)}   (Ctrl-C ends it)"]
    if host.is_unspecified and (own := own_address(host)):
        lines.append(f"On other devices of this network: {url(own, port)}")
    if not host.is_loopback:
        lines += [
            "",
            "Everyone in this network can use the app and its database, and reads what is sent: it is not encrypted.",
            "Use it in a network that you trust, without real passwords.",
        ]
    return "\n" + "".join(f"  {line}".rstrip() + "\n" for line in lines)


def url(host: Address, port: int) -> str:
    """Return the address that a browser opens."""
    return f"http://[{host}]:{port}" if host.version == 6 else f"http://{host}:{port}"


def own_address(host: Address) -> Address | None:
    """Return this machine's address in its network, if it is in one; nothing is sent."""
    family, elsewhere = (socket.AF_INET6, "2001:db8::1") if host.version == 6 else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))  # reserved for documentation: https://www.rfc-editor.org/rfc/rfc5737
        except OSError:
            return None
        return ipaddress.ip_address(probe.getsockname()[0])


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


def parse_host(text: str | None) -> Address:
    """Parse an address to listen on; raises `UsageError` if it is none.

    Without one, $HOST counts, but only if it is an address: shells and conda use the name for other things.
    """
    try:
        return ipaddress.ip_address(os.environ.get("HOST", "") if text is None else text)
    except ValueError:
        if text is None:
            return LOOPBACK
        raise UsageError(
            f"Invalid HOST {text!r}. Use an address of this machine, or 0.0.0.0 for all: make dev HOST=0.0.0.0"
        ) from None


def free_port(text: str, host: Address = LOOPBACK) -> int:
    """Parse a port; raises `UsageError` if it is invalid or in use."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise UsageError(f"Invalid PORT {text!r}. Choose a number from 1 to 65535: make dev PORT=8001")
    port = int(text)
    with socket.socket(socket.AF_INET6 if host.version == 6 else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(host), port))
        except PermissionError:
            raise UsageError(
                f"Port {port} is reserved for the system. Choose one above 1023: make dev PORT=8001"
            ) from None
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise UsageError(f"{host} is not an address of this machine. For all: make dev HOST=0.0.0.0") from None
            another = port + 1 if port < 65535 else 8000
            raise UsageError(f"Port {port} is in use. Choose another: make dev PORT={another}") from None
    return port
