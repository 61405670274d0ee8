"""Makes an engine from a database URL.

MySQL is reached through verified TLS or not at all. A Lambda environment answers one request at a time, so it keeps one
connection; elsewhere there is a small pool. Connections are in autocommit mode, so that a read is one round trip.
A transaction begins with `BEGIN`, which also shows whether the server is still there.
"""

import re
from collections.abc import Callable
from functools import cache

from sqlalchemy import Connection, Engine, ExceptionContext, PoolProxiedConnection, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.exc import DBAPIError

from kit import settings
from kit.db import limits, preconnect
from kit.db.limits import NO_TRANSACTION
from kit.db.mysql.connection import READS, MySQLConnection, starts_with

RECYCLE_SECONDS = 6 * 3600
"""The age at which a connection is replaced; PlanetScale closes each after 24 hours."""


def connect(
    url: str, *, ca: str | None = None, strict: bool = True, renew: Callable[[str], str | None] | None = None
) -> Engine:
    """Make an engine for a `sqlite://` or `mysql://` URL.

    ca: a file with the certificate authority to trust instead of the system's.
    strict: whether what PlanetScale would refuse fails, or is only logged; see `limits.watch`.
    renew: returns another URL than the one whose password the server has refused, if there is one.
    """
    if make_url(url).get_backend_name() == "sqlite":
        from kit.db.sqlite import engine as sqlite  # where the database is MySQL, SQLite's library isn't loaded

        engine = sqlite.engine(url, strict=strict)
        limits.watch(engine, strict=strict)
        sqlite.watch(engine)  # after the limits, which must see a transaction begin first
    else:
        engine = _mysql(url, ca, renew)
        limits.watch(engine, strict=strict)
    event.listen(engine, "before_cursor_execute", _refuse_writes)
    event.listen(engine, "handle_error", _hide_values)
    return engine


def _refuse_writes(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    if connection.get_execution_options().get(NO_TRANSACTION) and not starts_with(statement, *READS):
        raise RuntimeError(
            f"This session only reads. Write in a block of database.session() instead: {statement[:200]}"
        )


_VALUE = re.compile(
    r"(entry |value: |near |Illegal \S+ |out of range in )'.*'(?= for | at line | value found|\W*$)", re.DOTALL
)
"""The part of MySQL's errors that repeats a value: 1062, 1064, 1292, 1366, 1367, 1411, 1525, 1586 and 1690.

Source: dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
"""


def _hide_values(context: ExceptionContext) -> None:
    """Remove values from an error's message, and so from the logs, as `hide_parameters` does for parameters."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if isinstance(error, context.dialect.loaded_dbapi.Error | DBAPIError):
            error.args = tuple(_VALUE.sub(r"\1'…'", part) if isinstance(part, str) else part for part in error.args)


@cache
def standalone(engine: Engine) -> Engine:
    """Return an engine on the same pool for single statements without event listeners.

    Calling the listeners was a quarter of a query's time.
    """
    return _StandaloneEngine(engine)


class _StandaloneEngine(Engine):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.pool, engine.dialect, engine.url, hide_parameters=engine.hide_parameters)
        self._original = engine

    def raw_connection(self) -> PoolProxiedConnection:
        proxied = self._original.raw_connection()  # its pool may have been replaced
        if isinstance(proxied.dbapi_connection, MySQLConnection):
            proxied.dbapi_connection.standalone = True
        return proxied


def _mysql(url: str, ca: str | None, renew: Callable[[str], str | None] | None) -> Engine:
    registry.register("mysql.kit", "kit.db.mysql.dialect", "Dialect")
    engine = create_engine(
        make_url(url).set(drivername="mysql+kit", query={}),
        pool_size=1 if settings.on_lambda() else 5,
        max_overflow=0 if settings.on_lambda() else 5,
        pool_timeout=10,
        pool_recycle=RECYCLE_SECONDS,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def _connect(*_: object) -> MySQLConnection:
        nonlocal url
        opened = preconnect.take(url, ca) or MySQLConnection.to(url, ca, renew)
        opened.renew, url = renew, opened.url
        return opened

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        standalone = options.get(NO_TRANSACTION) or options.get("isolation_level") == "AUTOCOMMIT"
        connection.connection.dbapi_connection.standalone = standalone  # type: ignore[union-attr]

    return engine
