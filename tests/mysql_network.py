"""A real MySQL server in a container, which speaks TLS with a certificate of its own authority."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
import trustme

import containers
import waiting

IMAGE = "mysql:8.4"
NAME = "database"
"""The server's name on its network, and in its certificate."""
ALIAS = "impostor"
"""Another name of the server on its network, which its certificate does not have."""
PASSWORD = "p%40ss%3Aword"
"""As it stands in a URL: `p@ss:word`, which must be written so."""


@dataclass(frozen=True)
class Server:
    """A server that takes connections over TLS alone."""

    network: str
    port: int
    authority: Path

    def url(self, host: str, port: int = 3306, database: str = "app") -> str:
        """Its address, as DATABASE_URL wants it."""
        return f"mysql://app:{PASSWORD}@{host}:{port}/{database}"

    @property
    def url_from_here(self) -> str:
        """Its address for a process of this machine."""
        return self.url("127.0.0.1", self.port)

    @property
    def url_on_network(self) -> str:
        """Its address for a container of the same network."""
        return self.url(NAME)


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Run one, with its certificates in `folder`."""
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME, "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o644)
    flags = [
        "--ssl-ca=/tls/ca.pem",
        "--ssl-cert=/tls/cert.pem",
        "--ssl-key=/tls/key.pem",
        "--require-secure-transport=ON",
    ]
    user = {"DATABASE": "app", "USER": "app", "PASSWORD": "p@ss:word", "ROOT_PASSWORD": "root"}
    options = [option for name, value in user.items() for option in ("--env", f"MYSQL_{name}={value}")]
    with containers.network() as network:
        options += [
            "--network",
            network,
            "--network-alias",
            NAME,
            "--network-alias",
            ALIAS,
            "--volume",
            f"{folder}:/tls:ro",
        ]
        with containers.running(IMAGE, ["mysqld", *flags], options=options, publish=[3306]) as container:
            made = Server(network, container.port(3306), folder / "ca.pem")
            waiting.until(lambda: _answers(made, container), what="MySQL", seconds=90)
            yield made


def _answers(server: Server, container: containers.Container) -> bool:
    assert container.alive(), container.logs()
    tls = ssl.create_default_context(cafile=str(server.authority))
    try:
        pymysql.connect(host="127.0.0.1", port=server.port, user="app", password="p@ss:word", ssl=tls).close()
    except pymysql.OperationalError:
        return False
    return True
