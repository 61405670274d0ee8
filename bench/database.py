"""A real MySQL server that speaks TLS alone, with ten messages, whose authority the images trust as they do others."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import containers
import mysql
from bench.environment import before_all_else

TEXTS = [f"message {number} <b> こんにちは 👋 " + "x" * 100 for number in range(10)]

_TRUST = "cp /ca.pem /usr/local/share/ca-certificates/bench.crt && update-ca-certificates && cp -rL /etc/ssl/certs /out"


@dataclass(frozen=True)
class Database:
    """One that runs, and the options that a container needs to reach it."""

    server: mysql.Server
    options: list[str]


@contextmanager
def running(folder: Path, image: str, base: str) -> Iterator[Database]:
    """Run one; the generated app's image makes its tables."""
    with mysql.server(folder) as server:
        trusted = folder / "trusted"
        trusted.mkdir()
        volumes = ["--volume", f"{server.ca}:/ca.pem:ro", "--volume", f"{trusted}:/out"]
        containers.run(base, ["-c", _TRUST], options=["--user", "0:0", "--entrypoint", "sh", *volumes])
        options = [
            *("--network", server.network),
            *("--volume", f"{trusted}/certs:/etc/ssl/certs:ro"),
            *("--env", f"DATABASE_URL={server.url_on_network()}"),
            # What Lambda sets and the emulator does not.
            *("--env", "AWS_REGION=eu-central-1", "--env", "AWS_DEFAULT_REGION=eu-central-1"),
            *("--env", "AWS_ACCESS_KEY_ID=key", "--env", "AWS_SECRET_ACCESS_KEY=secret"),
            *("--env", "AWS_SESSION_TOKEN=token"),
        ]
        containers.run(image, ["-m", "kit", "migrate"], options=[*options, "--entrypoint", "python"])
        with server.admin() as admin, admin.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO messages (text, posted_at) VALUES (%s, NOW(6))", [(text,) for text in TEXTS]
            )
        if isinstance(server.container, containers.Container):
            before_all_else(server.container)
        yield Database(server, options)
        shutil.rmtree(trusted, ignore_errors=True)
