"""Database errors in sentences, for the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from kit.db import database
from kit.db.mysql import errors as mysql
from kit.db.sqlite import errors as sqlite
from kit.errors import UsageError


@contextmanager
def explained() -> Iterator[None]:
    """Turn the error of an unreachable or empty database into a `UsageError`; other errors keep their own words."""
    try:
        yield
    except DBAPIError as error:
        engine = database.engine()
        if is_missing_table(error, engine):
            message = f"The database {address(engine)} has no such table. Migrate it first: make migrate"
            raise UsageError(message) from error
        if is_lost(error, engine):
            raise UsageError(
                f"The connection to {address(engine)} broke: {words(error, engine)}. Try again."
            ) from error
        host = f"{engine.url.host}:{engine.url.port or 3306}"
        reason = error.orig and error.statement is None and _of(engine).unreachable(error.orig, address(engine), host)
        if reason:
            raise UsageError(reason) from error
        raise


def words(error: DBAPIError, engine: Engine) -> str:
    """The server's words, with its error number."""
    text: str = _of(engine).words(error.orig or error)
    return text


def is_missing_table(error: DBAPIError, engine: Engine) -> bool:
    """Whether a table does not exist."""
    return bool(error.orig and _of(engine).is_missing_table(error.orig))


def is_lost(error: DBAPIError, engine: Engine) -> bool:
    """Whether the connection broke, rather than the server having answered with an error."""
    return isinstance(error.orig, Exception) and bool(_of(engine).is_lost(error.orig))


def address(engine: Engine) -> str:
    """The database's URL as a user writes it, without its password."""
    url = engine.url
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _of(engine: Engine) -> Any:
    return sqlite if engine.dialect.name == "sqlite" else mysql
