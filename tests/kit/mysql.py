"""A real MySQL server in Docker for the tests: on a random loopback port, with the certificate that a test wants.

It is removed when the test is done, whatever happens.
"""

import datetime
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
import pytest
import trustme

IMAGE = "mysql:8.4"


def docker(*arguments: str) -> str:
    """Run a docker command; its output, or an exception with what it complained of."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True, timeout=180)
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout.strip()


def need_docker() -> None:
    """Skip the test where no Docker engine answers."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], check=False, capture_output=True).returncode:
        pytest.skip("no Docker engine answers: needed for a real MySQL server")


@dataclass
class Server:
    """A running server; `url()` is what an app would be given."""

    container: str
    port: int = 0
    password: str = "s3cret"

    def url(self, host: str = "localhost", database: str = "app", query: str = "") -> str:
        return f"mysql://root:{self.password}@{host}:{self.port}/{database}{query}"

    def present(self, folder: Path, certificate: trustme.LeafCert) -> None:
        """Start again with another certificate, however bad: a server that runs would not take it."""
        write(folder, certificate)
        docker("kill", self.container)
        docker("start", self.container)
        self.wait()

    def wait(self) -> None:
        """Return when the server answers queries."""
        deadline = time.monotonic() + 120
        while True:
            try:
                self.port = int(docker("port", self.container, "3306/tcp").splitlines()[0].rpartition(":")[2])
                self.admin().close()
                return
            except (pymysql.Error, RuntimeError) as error:
                if time.monotonic() > deadline:
                    said = docker("logs", "--tail", "20", self.container)
                    raise RuntimeError(f"MySQL did not start: {error}\n{said}") from error
                time.sleep(0.2)

    def admin(self) -> pymysql.Connection:
        """A connection of the test's own, beside the kit; the certificate is not what it looks at."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", password=self.password, database="app", autocommit=True
        )


@contextmanager
def server(folder: Path, certificate: trustme.LeafCert | None, *flags: str) -> Iterator[Server]:
    """Start a server with this certificate, or without TLS at all; remove it at the end."""
    need_docker()
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--tls-version="]  # without a protocol it offers no TLS
    if certificate:
        write(folder, certificate)
        options = ["--ssl-cert=/tls/cert.pem", "--ssl-key=/tls/key.pem"]
    container = docker(
        *("run", "--detach", "--publish", "127.0.0.1::3306", "--volume", f"{folder}:/tls:ro"),
        *("--env", "MYSQL_ROOT_PASSWORD=s3cret", "--env", "MYSQL_DATABASE=app"),
        *(IMAGE, "mysqld", *options, "--max-connections=400", "--skip-log-bin", *flags),
    )
    try:
        found = Server(container)
        found.wait()
        yield found
    finally:
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", container], check=False, capture_output=True, timeout=60
        )


def write(folder: Path, certificate: trustme.LeafCert) -> None:
    """Put the certificate and its key where the server reads them."""
    folder.chmod(0o755)
    for name, content in {
        "key.pem": certificate.private_key_pem.bytes(),
        "cert.pem": b"".join(pem.bytes() for pem in certificate.cert_chain_pems),
    }.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o644)


def expired(authority: trustme.CA, *names: str) -> trustme.LeafCert:
    """A certificate that was good until last year."""
    now = datetime.datetime.now()
    return authority.issue_cert(
        *names, not_before=now - datetime.timedelta(days=800), not_after=now - datetime.timedelta(days=365)
    )
