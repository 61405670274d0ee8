"""One connection to MySQL: over verified TLS or not at all, reconnected only where nothing can have been written.

It knows nothing of SQLAlchemy, so that it can be opened while SQLAlchemy is still being imported; see `kit.db.preconnect`.
"""

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from pymysql.connections import Connection as PyMySQLConnection
from pymysql.constants import CLIENT, CR, FIELD_TYPE
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from pymysql.converters import conversions, convert_datetime
from pymysql.err import InterfaceError, MySQLError, OperationalError

from kit.db.results import Result

IDLE = 60
"""Seconds without use after which a connection is asked first whether it still lives."""

READS = ("SELECT", "WITH", "SHOW", "EXPLAIN", "DESC")
"""First words of statements that only read, and so leave a transaction as it is."""

_GONE = {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED, 1053, 4031}
"""The connection broke; or the server says that it shuts down (1053) or had waited too long (4031)."""

_DEADLOCK = 1213
"""By this error InnoDB says that it has rolled back the whole transaction.

Source: dev.mysql.com/doc/refman/8.4/en/innodb-error-handling.html
"""
_STALE = 1 << 16
"""A bit of `server_status` that no server sets: it is there until the next OK packet replaces the status."""
_UNSEEN = OperationalError(CR.CR_UNKNOWN_ERROR, "while rows were streamed")
"""Stands for the error that would have ended a transaction whose rows are read later, one by one."""
_ASK = "SET @kit = NULL"
"""A statement without effect that is answered by an OK packet, and so by the current status.

Not COM_PING: Vitess answers it with the status from before an error.
Source: vitess.io, go/vt/vtgate/plugin_mysql_server.go, ComQuery and fillInTxStatusFlags
"""


def arguments(url: str, ca: str | None) -> dict[str, Any]:
    """What a connection is opened with; `ca` is a file, instead of the system's authorities.

    Clients write TLS into a URL's query, each in its own way (?ssl=…, ?sslaccept=…); here it is never up for choice.
    """
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path).strip("/"),
        "client_flag": CLIENT.FOUND_ROWS,  # SQLAlchemy counts the rows that an UPDATE found, changed or not
        "ssl": tls(ca),
        "charset": "utf8mb4",
        "connect_timeout": 5,
        "autocommit": True,
        "conv": _CONVERSIONS,
    }


@cache
def tls(ca: str | None = None) -> ssl.SSLContext:
    """The process's one context: the certificate must be the host's own.

    Where the system keeps its authorities in a folder by their hashes, OpenSSL reads the one that it needs from there;
    reading all of them from their one file took 5 to 20 ms.
    """
    folder = ssl.get_default_verify_paths().capath
    chosen = ca or os.environ.get("SSL_CERT_FILE")
    if not chosen and folder and any(name.endswith(".0") for name in os.listdir(folder)):
        return ssl.create_default_context(capath=folder)
    return ssl.create_default_context(cafile=ca)


def _moment(text: str) -> Any:
    """A DATETIME as Python's own parser reads it: a quarter of the time that PyMySQL's takes, with every row."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # 0000-00-00
        return convert_datetime(text)


_CONVERSIONS = conversions | {FIELD_TYPE.DATETIME: _moment, FIELD_TYPE.TIMESTAMP: _moment}


class TransactionEnded(OperationalError):
    """The server has ended the transaction, so nothing more is executed in it; its code is the first error's.

    Roll back, which leaving the block of `database.session()` by this error does, and run the whole transaction again.
    """

    def __init__(self, cause: Exception) -> None:
        code, reason = cause.args[0] if cause.args else 0, cause.args[1] if len(cause.args) > 1 else cause
        super().__init__(
            code,
            f"The server ended this transaction with error {code} ({reason}). Nothing more is executed in it, because "
            "it would be committed without what came before. Roll back and retry the whole transaction.",
        )


class MySQLConnection(PyMySQLConnection):
    """A connection in autocommit whose transactions begin with `begin`, and that reconnects where that is safe.

    It reconnects in two places only: for a `BEGIN` that got no answer, and for a `SELECT` outside a transaction.
    Anything else may have been executed before the connection broke, so it fails and is not sent a second time.

    Whether a transaction is open is what the server last said in the status flags of an OK packet. Where an answer
    came without them, the server is asked before the next statement of the transaction:

    - An error after which no transaction is open has ended it. Each further statement, and the commit, raises
      `TransactionEnded` until the rollback.
    - A statement that succeeded and ended it (DDL, or COMMIT as text) did what it was sent for. The next statement
      begins a transaction again, as it would without autocommit; it is never committed alone.
    """

    server_status: int
    _read_timeout: float | None

    alone = False
    """Whether the statements to come stand alone: then no transaction is begun."""

    replaceable = True
    """Whether a new connection is as good as this one; not while it has an isolation level of its own."""

    used = 0.0
    """When the server last answered, in seconds; of the wall clock, which goes on while Lambda freezes the process."""

    _in_block = False
    """Whether `begin` was called, and neither `commit` nor `rollback` since."""
    _error: Exception | None = None
    """The last error in the block, until it is known that the transaction outlived it."""
    _ended = False
    """Whether `_error` ended the transaction."""

    def __init__(self, **options: Any) -> None:
        self.columns: dict[bytes, Any] = {}
        super().__init__(**options)
        self.used = time.time()

    @property
    def in_transaction(self) -> bool:
        """Whether there may be something to commit or to roll back."""
        return bool(self.server_status & (SERVER_STATUS_IN_TRANS | _STALE)) or not self.get_autocommit()

    def autocommit(self, value: bool) -> None:
        """Stay in autocommit, whatever a pool resets: it is `BEGIN` that makes a transaction."""
        super().autocommit(True)

    def begin(self) -> None:
        self.rollback()  # what was left open, if anything: a second BEGIN would commit it
        if self.alone:
            return
        self._check_if_idle()
        try:
            super().begin()
        except (OperationalError, InterfaceError) as error:
            if not (lost(error) and self.replaceable):
                raise
            self._reconnect()
            super().begin()
        self._in_block = True
        self.used = time.time()

    def commit(self) -> None:
        if self._in_block:
            self._check_transaction()
        if self.in_transaction:
            super().commit()
        self._in_block = False

    def rollback(self) -> None:
        needed = self.in_transaction
        self._in_block, self._error, self._ended = False, None, False
        if needed:
            super().rollback()

    def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
        if self._in_block:
            return self._query_in_transaction(sql, unbuffered)
        if self.in_transaction or not self.replaceable:
            return self._query(sql, unbuffered)
        self._check_if_idle()
        try:
            return self._query(sql, unbuffered)
        except (OperationalError, InterfaceError) as error:
            if not (lost(error) and begins(sql, "SELECT")):
                raise
            self._reconnect()
            return self._query(sql, unbuffered)

    def _query_in_transaction(self, sql: str | bytes, unbuffered: bool) -> int:
        self._check_transaction()
        if not self.server_status & SERVER_STATUS_IN_TRANS:
            super().begin()
        self.server_status |= _STALE
        with self._noting_error():
            rows = self._query(sql, unbuffered)
        if unbuffered:
            self._error = _UNSEEN
        elif begins(sql, *READS):
            self.server_status &= ~_STALE
        return rows

    def next_result(self, unbuffered: bool = False) -> int:
        with self._noting_error():
            rows: int = super().next_result(unbuffered)
        return rows

    @contextmanager
    def _noting_error(self) -> Iterator[None]:
        try:
            yield
        except MySQLError as error:
            if self._in_block:
                self.server_status |= _STALE
                self._error, self._ended = error, error.args[:1] == (_DEADLOCK,)
            raise

    def _check_transaction(self) -> None:
        """Ask the server, if its last answer left it open, whether the transaction is; raises `TransactionEnded`."""
        if self.server_status & _STALE and not self._ended:
            try:
                self._query(_ASK, False)
            except MySQLError as error:  # the connection is lost, or Vitess wants a rollback (VT09032)
                self._error, self._ended = self._error or error, True
            else:
                self._ended = bool(self._error) and not self.server_status & SERVER_STATUS_IN_TRANS
                if not self._ended:
                    self._error = None
        if self._ended and self._error:
            raise TransactionEnded(self._error) from self._error

    def _query(self, sql: str | bytes, unbuffered: bool) -> int:
        rows: int = super().query(sql, unbuffered)
        self.used = time.time()
        return rows

    def _read_query_result(self, unbuffered: bool = False) -> int:
        if unbuffered:
            return super()._read_query_result(unbuffered)  # type: ignore[misc,no-any-return]
        self._result = None
        result = Result(self)
        result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return result.affected_rows or 0

    def _check_if_idle(self) -> None:
        """After a while without use ping first, with a short timeout: a network may drop a connection silently."""
        if not self.used or abs(time.time() - self.used) < IDLE:
            return
        before, self._read_timeout = self._read_timeout, 2
        try:
            self.ping()
        except MySQLError:
            if not self.replaceable:
                raise
            self._reconnect()
        finally:
            self._read_timeout = before
        self.used = time.time()

    def _reconnect(self) -> None:
        if self.open:
            self.close()
        self.connect()


def lost(error: Exception) -> bool:
    """Whether the connection broke, rather than the server having answered with an error."""
    code = error.args[0] if error.args else None
    return code in _GONE or (isinstance(error, InterfaceError) and code == 0)


def begins(sql: str | bytes, *words: str) -> bool:
    """Whether a statement's first word is one of these."""
    start = sql[:64] if isinstance(sql, str) else sql[:64].decode(errors="replace")
    return start.lstrip(" \t\r\n(").upper().startswith(words)
