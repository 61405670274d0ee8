"""Connecting: from one URL to an engine, the same way everywhere.

MySQL is reached through verified TLS or not at all. On Lambda an environment answers one request at a time and
keeps one connection; elsewhere there is a small pool. A connection stands in autocommit, so that a read costs one
round trip; `BEGIN` is sent where a transaction begins, and it is also what tells whether the server is still there.
"""

import os
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from pymysql.connections import Connection as PyMySQLConnection
from pymysql.constants import CR, FIELD_TYPE
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from pymysql.converters import conversions, convert_datetime
from pymysql.err import Error, InterfaceError, OperationalError
from sqlalchemy import Connection, Engine, create_engine, event, make_url

from kit import limits
from kit.limits import NO_TRANSACTION

RECYCLE = 6 * 3600
"""Seconds after which a connection is made anew; PlanetScale ends each after 24 hours."""

IDLE = 60
"""Seconds without use after which a connection is asked first whether it still lives."""

_GONE = {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED, 1053, 4031}
"""The connection broke; or the server says that it shuts down (1053) or had waited too long (4031)."""

_READS = ("SELECT", "WITH", "SHOW", "EXPLAIN", "DESC")


def connect(url: str, *, ca: str | None = None, strict: bool = True) -> Engine:
    """Make an engine for a `sqlite://` or `mysql://` URL; `ca` is a file, instead of the system's authorities.

    `strict` is for `limits.watch`: whether what PlanetScale would refuse fails, or is logged.
    """
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        from kit import sqlite  # where the database is MySQL, SQLite's library need not be loaded

        made = sqlite.engine(url, strict=strict)
    else:
        # Clients write TLS into the query, each in its own way (?ssl=…, ?sslaccept=…); here it is never up for choice.
        made = _mysql(target.set(drivername="mysql+pymysql", query={}), ca)
    event.listen(made, "before_cursor_execute", _only_reads)
    limits.watch(made, strict=strict)
    return made


def _only_reads(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    if connection.get_execution_options().get(NO_TRANSACTION) and not _begins(statement, *_READS):
        raise RuntimeError(f"This session is for reading. Change things in database.session(): {statement[:200]}")


def on_lambda() -> bool:
    """Whether this process is a Lambda environment."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


@cache
def tls(ca: str | None = None) -> ssl.SSLContext:
    """The process's one context (reading the authorities takes 20 ms): the certificate must be the host's own."""
    return ssl.create_default_context(cafile=ca)


def _mysql(url: Any, ca: str | None) -> Engine:
    made = create_engine(
        url,
        connect_args={
            "ssl": tls(ca),
            "charset": "utf8mb4",
            "connect_timeout": 5,
            "autocommit": True,
            "conv": conversions | {FIELD_TYPE.DATETIME: _moment, FIELD_TYPE.TIMESTAMP: _moment},
        },
        pool_size=1 if on_lambda() else 5,
        max_overflow=0 if on_lambda() else 5,
        pool_timeout=10,
        pool_recycle=RECYCLE,
    )

    @event.listens_for(made, "do_connect")
    def _connect(_dialect: object, _record: object, _positional: object, named: dict[str, Any]) -> MySQLConnection:
        return MySQLConnection(**named)

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        alone = options.get(NO_TRANSACTION) or options.get("isolation_level") == "AUTOCOMMIT"
        connection.connection.dbapi_connection.alone = alone  # type: ignore[union-attr]

    # SQLAlchemy leaves BEGIN to drivers that are not in autocommit; here it is sent, and its errors are SQLAlchemy's.
    made.dialect.do_begin = _send_begin  # type: ignore[method-assign]
    return made


def _moment(text: str) -> Any:
    """A DATETIME as Python's own parser reads it: a quarter of the time that PyMySQL's takes, with every row."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # 0000-00-00
        return convert_datetime(text)


def _send_begin(dbapi_connection: Any) -> None:
    dbapi_connection.begin()


class MySQLConnection(PyMySQLConnection):
    """A connection that comes back by itself after the server dropped it, where that can change nothing.

    That is in two places only: a `BEGIN` that got no answer, and a `SELECT` outside of a transaction. Anything else
    may have been done before the connection broke, so it fails and is not sent a second time.
    """

    server_status: int
    _read_timeout: float | None
    _force_close: Callable[[], None]

    alone = False
    """Whether the statements to come stand alone: then no transaction is begun."""

    used = 0.0
    """When the server last answered, in seconds; of the wall clock, which goes on while Lambda freezes the process."""

    def __init__(self, **named: Any) -> None:
        self._began = False
        super().__init__(**named)
        self.used = time.time()

    @property
    def in_transaction(self) -> bool:
        """Whether there is anything to commit or to roll back, by our account or by the server's."""
        return self._began or bool(self.server_status & SERVER_STATUS_IN_TRANS)

    def autocommit(self, value: bool) -> None:
        """Stay in autocommit, whatever a pool resets: it is `BEGIN` that makes a transaction."""
        super().autocommit(True)

    def begin(self) -> None:
        if self.alone:
            return
        self.rollback()  # what was left open, if anything: a second BEGIN would commit it
        self._check_if_idle()
        try:
            super().begin()
        except (OperationalError, InterfaceError) as error:
            if not lost(error):
                raise
            self._connect_anew()
            super().begin()
        self._began = True
        self.used = time.time()

    def commit(self) -> None:
        if self.in_transaction:
            super().commit()
            self._began = False

    def rollback(self) -> None:
        if self.in_transaction:
            self._began = False
            super().rollback()

    def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
        if self.in_transaction:
            return self._query(sql, unbuffered)
        self._check_if_idle()
        try:
            return self._query(sql, unbuffered)
        except (OperationalError, InterfaceError) as error:
            if not (lost(error) and _begins(sql, "SELECT")):
                raise
            self._connect_anew()
            return self._query(sql, unbuffered)

    def _query(self, sql: str | bytes, unbuffered: bool) -> int:
        rows: int = super().query(sql, unbuffered)
        self.used = time.time()
        return rows

    def _check_if_idle(self) -> None:
        """After a while without use ask first, and not for long: a network may have dropped the line in silence."""
        if not self.used or abs(time.time() - self.used) < IDLE:
            return
        before, self._read_timeout = self._read_timeout, 2
        try:
            self.ping()
        except Error:
            self._connect_anew()
        finally:
            self._read_timeout = before
        self.used = time.time()

    def _connect_anew(self) -> None:
        self._force_close()
        self.connect()


def lost(error: Exception) -> bool:
    """Whether the connection broke, rather than the server having answered with an error."""
    code = error.args[0] if error.args else None
    return code in _GONE or (isinstance(error, InterfaceError) and code == 0)


def _begins(sql: str | bytes, *words: str) -> bool:
    start = sql[:64] if isinstance(sql, str) else sql[:64].decode(errors="replace")
    return start.lstrip(" \t\r\n(").upper().startswith(words)
