"""Connecting: from one URL to an engine, the same way everywhere.

MySQL is reached through verified TLS or not at all. On Lambda an environment answers one request at a time and
keeps one connection; elsewhere there is a small pool. A connection stands in autocommit, so that a read costs one
round trip; `BEGIN` is sent where a transaction begins, and it is also what tells whether the server is still there.
"""

import os
import re
from functools import cache

from sqlalchemy import Connection, Engine, ExceptionContext, PoolProxiedConnection, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.exc import DBAPIError

from kit.db import limits, preconnect
from kit.db.limits import NO_TRANSACTION
from kit.db.mysql import READS, MySQLConnection, arguments, begins

RECYCLE = 6 * 3600
"""Seconds after which a connection is made anew; PlanetScale ends each after 24 hours."""


def connect(url: str, *, ca: str | None = None, strict: bool = True) -> Engine:
    """Make an engine for a `sqlite://` or `mysql://` URL; `ca` is a file, instead of the system's authorities.

    `strict` is for `limits.watch`: whether what PlanetScale would refuse fails, or is logged.
    """
    if make_url(url).get_backend_name() == "sqlite":
        from kit.db import sqlite  # where the database is MySQL, SQLite's library need not be loaded

        made = sqlite.engine(url, strict=strict)
        limits.watch(made, strict=strict)
        sqlite.watch(made)  # after the limits' watch, which has to know of a transaction first
    else:
        made = _mysql(url, ca)
        limits.watch(made, strict=strict)
    event.listen(made, "before_cursor_execute", _only_reads)
    event.listen(made, "handle_error", _hide_values)
    return made


def _only_reads(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    if connection.get_execution_options().get(NO_TRANSACTION) and not begins(statement, *READS):
        raise RuntimeError(f"This session is for reading. Change things in database.session(): {statement[:200]}")


_VALUE = re.compile(
    r"(entry |value: |near |Illegal \S+ |out of range in )'.*'(?= for | at line | value found|\W*$)", re.DOTALL
)
"""What MySQL's errors repeat of a value: 1062, 1064, 1292, 1366, 1367, 1411, 1525, 1586 and 1690.

Source: dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
"""


def _hide_values(context: ExceptionContext) -> None:
    """Keep what a client sent out of an error's message, and so out of the logs, as `hide_parameters` does."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if isinstance(error, context.dialect.loaded_dbapi.Error | DBAPIError):
            error.args = tuple(_VALUE.sub(r"\1'…'", part) if isinstance(part, str) else part for part in error.args)


@cache
def alone(engine: Engine) -> Engine:
    """The same connections for statements that stand alone, without listeners: telling them was a quarter of a query."""
    return _Alone(engine)


class _Alone(Engine):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.pool, engine.dialect, engine.url, hide_parameters=engine.hide_parameters)
        self._engine = engine

    def raw_connection(self) -> PoolProxiedConnection:
        taken = self._engine.raw_connection()  # from the pool that it has by now
        if isinstance(taken.dbapi_connection, MySQLConnection):
            taken.dbapi_connection.alone = True
        return taken


def on_lambda() -> bool:
    """Whether this process is a Lambda environment."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def _mysql(url: str, ca: str | None) -> Engine:
    registry.register("mysql.kit", "kit.db.dialect", "Dialect")
    made = create_engine(
        make_url(url).set(drivername="mysql+kit", query={}),
        pool_size=1 if on_lambda() else 5,
        max_overflow=0 if on_lambda() else 5,
        pool_timeout=10,
        pool_recycle=RECYCLE,
        hide_parameters=True,
    )
    named = arguments(url, ca)

    @event.listens_for(made, "do_connect")
    def _connect(*_: object) -> MySQLConnection:
        return preconnect.take(url, ca) or MySQLConnection(**named)

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        alone = options.get(NO_TRANSACTION) or options.get("isolation_level") == "AUTOCOMMIT"
        connection.connection.dbapi_connection.alone = alone  # type: ignore[union-attr]

    return made
