"""The database: one engine a process, and one way to a session.

    with database.session() as session:
        session.add(Message(text="hello"))

The block is one transaction: committed at its end, rolled back when it raises.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Engine, Integer, create_engine, event, make_url
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from kit import settings
from kit.errors import UsageError

BigKey = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key that counts up by itself; SQLite's own keys are 64 bits under the name INTEGER."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, to the microsecond: stored in UTC, aware when read."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use datetime.now(UTC)")
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


@cache
def engine() -> Engine:
    """The process's one engine, for the database that the settings name."""
    wanted = settings.current()
    return connect(wanted.database_url, ca=wanted.database_ca)


def connect(url: str, *, ca: str | None = None) -> Engine:
    """Make an engine; MySQL always through TLS, verified by host name against `ca` or the system's authorities."""
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        return _sqlite(url)
    return create_engine(
        # Clients write TLS into the query each in its own way (?ssl=…, ?sslaccept=…); here it is never up for choice.
        target.set(drivername="mysql+pymysql", query={}),
        connect_args={"ssl": ssl.create_default_context(cafile=ca), "charset": "utf8mb4", "connect_timeout": 5},
        pool_pre_ping=True,
        pool_recycle=3600,
    )


def _sqlite(url: str) -> Engine:
    if (file := make_url(url).database) and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(url)

    @event.listens_for(made, "connect")
    def _pragmas(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")

    return made


@contextmanager
def session() -> Iterator[Session]:
    """Give a session whose block is one transaction; what it loaded stays readable afterwards."""
    with Session(engine(), expire_on_commit=False) as opened, opened.begin():
        yield opened


@contextmanager
def unreachable_explained() -> Iterator[None]:
    """Turn a database that cannot be reached into a `UsageError` that names it, without its password."""
    try:
        yield
    except OperationalError as error:
        where = engine().url.render_as_string(hide_password=True)
        raise UsageError(
            f"The database {where} cannot be used: {error.orig}\n"
            "Check DATABASE_URL and that the server runs; without DATABASE_URL a SQLite file in data/ is used."
        ) from error
