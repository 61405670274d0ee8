"""A real MySQL server in a container: on a loopback port of its own, with the certificate that a test wants.

`url()` is for a process of this machine, `url_on_network()` for a container of the server's network.
"""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pymysql
import trustme

import containers
import mysqld
import waiting

IMAGE = "mysql:8.4"
NAME = "database"
"""The server's name on its network, and in its certificate."""
ALIAS = "impostor"
"""Another name of the server on its network, which its certificate does not have."""
PASSWORD = "p%40ss%3Aword"
"""As it stands in a URL: `p@ss:word`, which must be written so."""
ROOT_PASSWORD = "s3cret"


@dataclass(frozen=True)
class Server:
    """A server that runs; `folder` holds its certificate, `authority` has signed it."""

    container: containers.Container | mysqld.Process
    network: str
    folder: Path
    authority: trustme.CA
    database: str = "app"

    def with_database(self, name: str) -> "Server":
        """The same server with an empty database of this name, for tests that keep out of each other's way."""
        with self.admin() as admin, admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            cursor.execute(f"CREATE DATABASE {name}")
            cursor.execute(f"GRANT ALL ON {name}.* TO 'app'@'%'")
        return replace(self, database=name)

    @property
    def ca(self) -> str:
        """The file that DATABASE_CA names."""
        return str(self.folder / "ca.pem")

    def url(self, host: str = "localhost", *, query: str = "") -> str:
        """The app's address of it, for a process of this machine."""
        return f"mysql://app:{PASSWORD}@{host}:{self.container.port(3306)}/{self.database}{query}"

    def url_on_network(self, host: str = NAME) -> str:
        """The same for a container of its network."""
        return f"mysql://app:{PASSWORD}@{host}/{self.database}"

    def admin(self) -> pymysql.Connection:
        """A connection of the test's own, beside the kit, which may do anything; it does not look at certificates."""
        unverified = ssl.create_default_context()
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        return pymysql.connect(
            host="127.0.0.1",
            port=self.container.port(3306),
            user="root",
            password=ROOT_PASSWORD,
            database=self.database,
            autocommit=True,
            ssl=unverified if (self.folder / "cert.pem").exists() else None,
        )

    def present(self, certificate: trustme.LeafCert) -> None:
        """Start again with another certificate, however bad: a server that runs would not take it."""
        write(self.folder, certificate)
        self.container.restart()
        self.wait()

    def wait(self) -> None:
        """Return once it answers."""
        waiting.until(self._answers, what="MySQL", seconds=120)

    def _answers(self) -> bool:
        assert self.container.alive(), self.container.logs()
        try:
            self.admin().close()
        except pymysql.OperationalError:
            return False
        return True


@contextmanager
def server(
    folder: Path, *, tls: bool = True, options: Sequence[str] = (), keeps_data: bool = False
) -> Iterator[Server]:
    """Run one whose certificates stand in `folder`; without `tls` it offers none at all.

    `options` are more of the server's own. In Docker, with the data in memory, which makes DDL five times as fast,
    unless it `keeps_data` when it is started again. Where no engine answers, a MySQL or MariaDB server that is
    installed, which has no network.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    if tls:
        write(folder, authority.issue_cert(NAME, "localhost", "127.0.0.1"))
    if containers.engine_answers():
        running = in_docker(folder, tls, options, in_memory=not keeps_data)
    else:
        running = mysqld.running(folder, tls, ROOT_PASSWORD, options)
    with running as (container, network):
        made = Server(container, network, folder, authority)
        made.wait()
        yield made


@contextmanager
def in_docker(
    folder: Path, tls: bool, more: Sequence[str], *, in_memory: bool
) -> Iterator[tuple[containers.Container, str]]:
    """Run one in a container; gives it, and its network."""
    # Without a protocol there is no TLS.
    flags = ["--ssl-cert=/tls/cert.pem", "--ssl-key=/tls/key.pem"] if tls else ["--tls-version="]
    user = {"DATABASE": "app", "USER": "app", "PASSWORD": "p@ss:word", "ROOT_PASSWORD": ROOT_PASSWORD}
    options = [option for name, value in user.items() for option in ("--env", f"MYSQL_{name}={value}")]
    options += ["--network-alias", NAME, "--network-alias", ALIAS, "--volume", f"{folder}:/tls:ro"]
    options += ["--tmpfs", "/var/lib/mysql"] * in_memory
    # Tests that break connections on purpose must not have the server block this machine (error 1129).
    limits = ["--max-connections=400", "--max-connect-errors=1000000000"]
    command = ["mysqld", *flags, *limits, "--skip-log-bin", *more]
    with (
        containers.network() as network,
        containers.running(IMAGE, command, options=["--network", network, *options], publish=[3306]) as container,
    ):
        yield container, network


def write(folder: Path, certificate: trustme.LeafCert) -> None:
    """Put a certificate and its key where the server reads them."""
    folder.chmod(0o755)
    for name, content in {
        "key.pem": certificate.private_key_pem.bytes(),
        "cert.pem": b"".join(pem.bytes() for pem in certificate.cert_chain_pems),
    }.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o644)
