"""A MySQL server in a container, for tests and `make dev`; it ends with the process that started it.

Docker's own command line is used, so that it finds the engine wherever the user's other commands find it. The server's
certificate is copied into the container, because an engine in a virtual machine may not see this machine's files.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pymysql.err import MySQLError

from kit.db.mysql.connection import MySQLConnection
from kit.errors import UsageError

HOST = "127.0.0.1"
QUIET_SECONDS = 2
"""How long the server may take to start before that is mentioned."""
START_SECONDS = 180
"""How long it may take at all."""

OPTIONS = (
    "--ssl-cert=/tls/cert.pem", "--ssl-key=/tls/key.pem", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
)  # fmt: skip
"""Options of mysqld; the last two save time, because the data doesn't outlive the container."""

_KEEPER = r"""
trap '' PIPE  # nobody may be left to read the result
folder=$1 name=$2; shift 2
docker create --name "$name" "$@" >/dev/null && docker cp "$folder/." "$name:/tls" >/dev/null && \
  docker start "$name" >/dev/null
echo "$?"
cat >/dev/null
docker rm --force --volumes "$name" >/dev/null 2>&1
rm -rf "$folder"
"""
"""Starts the container, and removes it when the other end of its standard input is closed.

The kernel closes that when the process that holds it ends, whatever ended it.
"""


class Server(NamedTuple):
    """A server that runs."""

    url: str
    ca: str
    """The file with its certificate authority."""
    container: str
    """The container's name."""


def start(*options: str) -> Server:
    """Start a server with an empty database. It is removed when this process has ended, or those that inherit its files.

    options: more options of mysqld.

    The environment variable `MYSQL_IMAGE` names another image than `mysql:8.4`, such as a mirror.

    Raises `UsageError` if there is no Docker here, or if the server doesn't start.
    """
    image = os.environ.get("MYSQL_IMAGE") or "mysql:8.4"
    try:
        _check_engine()
        _pull(image)
        return _run(image, options)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _check_engine() -> None:
    try:
        context = _docker("context", "inspect", "--format", "{{json .Endpoints.docker.Host}}")
    except FileNotFoundError:
        raise UsageError("DB=mysql needs Docker, which is not installed or not on the PATH.") from None
    address = urlsplit(json.loads(context.stdout) if context.returncode == 0 else "")
    if address.scheme in ("ssh", "tcp") and address.hostname not in ("localhost", HOST):
        raise UsageError(
            f"DB=mysql needs a local Docker engine; yours is on {address.hostname}, whose ports can't be reached from "
            "here. Choose another one: docker context ls"
        )
    engine = _docker("version", "--format", "{{.Server.Version}}")
    if engine.returncode:
        raise UsageError(f"DB=mysql needs Docker, whose engine doesn't answer: {_last_line(engine.stderr)}")


def _pull(image: str) -> None:
    if _docker("image", "inspect", image).returncode == 0:
        return
    print(f"Downloading {image} …", file=sys.stderr, flush=True)
    if (pulled := _docker("pull", "--quiet", image)).returncode:
        raise UsageError(f"Docker can't download {image}: {_last_line(pulled.stderr)}")


def _run(image: str, more: tuple[str, ...]) -> Server:
    folder = Path(tempfile.mkdtemp(prefix="kit-mysql-"))
    name, password = folder.name, secrets.token_hex(8)
    _write_certificate(folder)
    variables = {"MYSQL_DATABASE": "app", "MYSQL_USER": "app", "MYSQL_PASSWORD": password}
    variables["MYSQL_ROOT_PASSWORD"] = password
    environment = [option for variable in variables for option in ("--env", variable)]
    options = [*environment, "--publish", f"{HOST}::3306", image, "mysqld", *OPTIONS, *more]
    read, write = os.pipe()
    keeper = subprocess.Popen(  # noqa: S603
        ["sh", "-c", _KEEPER, "sh", str(folder), name, *options],  # noqa: S607
        env=os.environ | variables,
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in the terminal doesn't reach it
    )
    os.close(read)
    os.set_inheritable(write, True)  # for a command that replaces this process; nothing here closes it
    assert keeper.stdout and keeper.stderr  # noqa: S101
    if keeper.stdout.readline().strip() != "0":
        os.close(write)
        raise UsageError(f"Docker can't start {image}: {_last_line(keeper.stderr.read())}")
    if (published := _docker("port", name, "3306/tcp")).returncode:
        raise _ended(name, image)
    port = published.stdout.split()[0].rpartition(":")[2]
    server = Server(f"mysql://app:{password}@{HOST}:{port}/app", str(folder / "ca.pem"), name)
    _wait(server, name, image)
    return server


def _write_certificate(folder: Path) -> None:
    try:
        import trustme
    except ImportError:
        raise UsageError("DB=mysql needs trustme, which is not installed: ./uvw sync") from None
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    folder.chmod(0o755)  # the server's user in the container reads them
    for file in folder.iterdir():
        file.chmod(0o644)


def _wait(server: Server, name: str, image: str) -> None:
    """Return once the server answers; the image starts one without a network first, to create the database."""
    began, mentioned = time.monotonic(), False
    while True:
        try:
            return MySQLConnection.to(server.url, server.ca).close()
        except MySQLError as error:
            seconds = time.monotonic() - began
            if _docker("inspect", "--format", "{{.State.Running}}", name).stdout.strip() != "true":
                raise _ended(name, image) from None
            if seconds > START_SECONDS:
                raise UsageError(f"{image} didn't answer within {START_SECONDS} s: {error.args[-1]}") from None
            if seconds > QUIET_SECONDS and not mentioned:
                print(f"Starting {image} in a container …", file=sys.stderr, flush=True)
                mentioned = True
        time.sleep(0.2)


def _ended(name: str, image: str) -> UsageError:
    logs = _docker("logs", "--tail", "20", name)
    return UsageError(f"{image} ended while it started:\n{logs.stdout}{logs.stderr}")


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or ["no reason given"])[-1]
