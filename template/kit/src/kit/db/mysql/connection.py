"""A MySQL connection over verified TLS, which reconnects only where nothing can have been written.

It doesn't import SQLAlchemy, so that `kit.db.preconnect` can open it while SQLAlchemy is still being imported.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from pymysql.connections import Connection
from pymysql.constants import CLIENT, CR, FIELD_TYPE
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from pymysql.converters import conversions, convert_datetime
from pymysql.err import DataError, IntegrityError, InterfaceError, MySQLError, OperationalError

from kit import tls
from kit.base_settings import SecretText

IDLE_SECONDS = 60
"""A connection that was unused for longer is pinged before its next use."""

UNACKNOWLEDGED_SECONDS = 5
"""The kernel gives a connection up when the server has acknowledged nothing for so long (Linux only).

A network may drop an idle connection silently; without this, the next query would wait for many minutes. A query that
takes long is not affected: the server acknowledges it when it arrives.
"""

READS = ("SELECT", "WITH", "SHOW", "EXPLAIN", "DESC")
"""The first words of statements that only read, and so cannot end a transaction."""

_LOST = {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED, 1053, 4031}
"""The connection broke, the server shuts down (1053), or it has closed an idle connection (4031)."""

_ACCESS_DENIED = 1045
"""The user doesn't exist, or has another password."""

_DEADLOCK = 1213
"""With this error InnoDB has rolled back the whole transaction.

Source: dev.mysql.com/doc/refman/8.4/en/innodb-error-handling.html
"""

_CLASSES: dict[int, type[MySQLError]] = {
    1292: DataError,  # no date, time or number
    1364: IntegrityError,  # no value for a column that needs one
    3140: DataError,  # no JSON
    3156: DataError,  # JSON that is no value of the column's type
    3157: DataError,  # JSON that is nested too deeply
    3819: IntegrityError,  # a CHECK constraint
}
"""The classes that SQLite and PostgreSQL have for these errors, of which PyMySQL makes an `OperationalError`.

Source: dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
"""

_STATUS_UNKNOWN = 1 << 16
"""A bit in `server_status` that no server sets. The next OK packet replaces the status, and so clears the bit."""

_STREAMED = OperationalError(CR.CR_UNKNOWN_ERROR, "while rows were streamed")
"""Stands for an error that may occur later, while the rows of an unbuffered result are fetched."""

_STATUS_QUERY = "SET @kit = NULL"
"""A statement without effect that the server answers with an OK packet, and so with its current status.

COM_PING doesn't do: Vitess answers it with the status from before an error.
Source: vitess.io, go/vt/vtgate/plugin_mysql_server.go, ComQuery and fillInTxStatusFlags
"""


def connect_options(url: str, ca: str | None) -> dict[str, Any]:
    """Return the options of `MySQLConnection` for a `mysql://` URL.

    ca: a file with the certificate authority to trust instead of the system's.

    The URL's query is ignored. Clients configure TLS there, each in its own way (?ssl=…, ?sslaccept=…); here TLS is
    always verified.
    """
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        "password": SecretText(unquote(parts.password or "")),  # a traceback may show local variables
        "database": unquote(parts.path).strip("/"),
        "client_flag": CLIENT.FOUND_ROWS,  # SQLAlchemy expects the rows that an UPDATE matched, changed or not
        "ssl": tls.context(ca),
        "charset": "utf8mb4",
        "connect_timeout": 5,
        "autocommit": True,
        "conv": _CONVERSIONS,
    }


def _parse_datetime(text: str) -> Any:
    """Parse a DATETIME with the standard library, which takes a quarter of the time of PyMySQL's regular expression."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # 0000-00-00
        return convert_datetime(text)


_CONVERSIONS = conversions | {FIELD_TYPE.DATETIME: _parse_datetime, FIELD_TYPE.TIMESTAMP: _parse_datetime}


class TransactionEnded(OperationalError):
    """The server has ended the transaction, so nothing more is executed in it. Its code is the first error's.

    Roll back, which `database.session()` does when this error leaves its block, and retry the whole transaction.
    """

    def __init__(self, cause: Exception) -> None:
        code, reason = cause.args[0] if cause.args else 0, cause.args[1] if len(cause.args) > 1 else cause
        super().__init__(
            code,
            f"The server ended this transaction with error {code} ({reason}). Nothing more is executed in it, because "
            "it would be committed without what came before. Roll back and retry the whole transaction.",
        )


class MySQLConnection(Connection):
    """A connection in autocommit mode, with explicit transactions, that reconnects where that is safe.

    It reconnects in two cases: when a `BEGIN` got no answer, and when a `SELECT` outside a transaction got none.
    Any other statement may have been executed before the connection broke, so it fails and is not sent again.

    Whether a transaction is open is known from the status flags in the server's last OK packet. If an answer came
    without them, the next statement of the transaction is preceded by a query for the status:

    - If an error ended the transaction, each further statement and the commit raise `TransactionEnded` until the
      rollback.
    - If a successful statement ended it (DDL, or COMMIT as text), the next statement begins a new transaction, as it
      would without autocommit.
    """

    server_status: int

    standalone = False
    """Whether `begin` does nothing, because the statements that follow don't form a transaction."""

    replaceable = True
    """Whether a new connection would do as well: not if this one has an isolation level of its own."""

    url = ""
    renew: Callable[[str], str | None] | None = None
    """Returns another URL than the one whose password the server has refused, if there is one."""

    _last_used = 0.0
    """When the server last answered: wall-clock time, which goes on while Lambda freezes the process."""

    _in_block = False
    """Whether `begin` was called, and neither `commit` nor `rollback` since."""
    _error: Exception | None = None
    """The last error of this transaction, until it is known that the transaction is still open."""
    _ended = False
    """Whether `_error` ended the transaction."""

    @classmethod
    def to(cls, url: str, ca: str | None = None, renew: Callable[[str], str | None] | None = None) -> "MySQLConnection":
        """Connect to a `mysql://` URL; with `renew`, also after its password was rotated."""
        opened = cls(**connect_options(url, ca), defer_connect=True)
        opened.url, opened.renew = url, renew
        opened.connect()
        return opened

    @property
    def in_transaction(self) -> bool:
        """Whether there may be something to commit or to roll back."""
        return bool(self.server_status & (SERVER_STATUS_IN_TRANS | _STATUS_UNKNOWN)) or not self.get_autocommit()

    def connect(self, sock: socket.socket | None = None) -> None:
        try:
            super().connect(sock or self._connect_socket())
        except OperationalError as error:
            if error.args[0] != _ACCESS_DENIED or not self.renew or not (url := self.renew(self.url)):
                raise
            self._use(url)
            super().connect(self._connect_socket())
        self._last_used = time.time()

    def _use(self, url: str) -> None:
        options = connect_options(url, None)
        self.url, self.host, self.port, self.user = url, options["host"], options["port"], options["user"]
        self.password, self.db = options["password"].encode("latin1"), options["database"]  # as PyMySQL stores them

    def _connect_socket(self) -> socket.socket:
        try:
            connected = socket.create_connection((self.host, self.port), self.connect_timeout)
        except OSError as error:
            message = f"Can't connect to MySQL server on {self.host!r} ({error})"
            raise OperationalError(CR.CR_CONN_HOST_ERROR, message) from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_SECONDS * 1000)
        return connected

    def autocommit(self, value: bool) -> None:
        """Stay in autocommit mode, whatever a pool resets: only `begin` opens a transaction."""
        super().autocommit(True)

    def begin(self) -> None:
        self.rollback()  # a transaction that was left open: a second BEGIN would commit it
        if self.standalone:
            return
        self._ping_if_idle()
        try:
            super().begin()
        except (OperationalError, InterfaceError) as error:
            if not (is_lost(error) and self.replaceable):
                raise
            self._reconnect()
            super().begin()
        self._in_block = True
        self._last_used = time.time()

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
        self._ping_if_idle()
        try:
            return self._query(sql, unbuffered)
        except (OperationalError, InterfaceError) as error:
            if not (is_lost(error) and starts_with(sql, "SELECT")):
                raise
            self._reconnect()
            return self._query(sql, unbuffered)

    def _query_in_transaction(self, sql: str | bytes, unbuffered: bool) -> int:
        self._check_transaction()
        if not self.server_status & SERVER_STATUS_IN_TRANS:
            super().begin()
        self.server_status |= _STATUS_UNKNOWN
        with self._noting_error():
            rows = self._query(sql, unbuffered)
        if unbuffered:
            self._error = _STREAMED
        elif starts_with(sql, *READS):
            self.server_status &= ~_STATUS_UNKNOWN
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
                self.server_status |= _STATUS_UNKNOWN
                self._error, self._ended = error, error.args[:1] == (_DEADLOCK,)
            raise

    def _check_transaction(self) -> None:
        """Raise `TransactionEnded` if an error has ended the transaction; query the status if it is unknown."""
        if self.server_status & _STATUS_UNKNOWN and not self._ended:
            try:
                self._query(_STATUS_QUERY, False)
            except MySQLError as error:  # the connection is lost, or Vitess demands a rollback (VT09032)
                self._error, self._ended = self._error or error, True
            else:
                self._ended = bool(self._error) and not self.server_status & SERVER_STATUS_IN_TRANS
                if not self._ended:
                    self._error = None
        if self._ended and self._error:
            raise TransactionEnded(self._error) from self._error

    def _query(self, sql: str | bytes, unbuffered: bool) -> int:
        try:
            rows: int = super().query(sql, unbuffered)
        except OperationalError as error:
            if error.args and (known := _CLASSES.get(error.args[0])):
                raise known(*error.args) from None  # the message has a value, which only one error hides
            raise
        self._last_used = time.time()
        return rows

    def _ping_if_idle(self) -> None:
        if abs(time.time() - self._last_used) < IDLE_SECONDS or not self._last_used:
            return
        try:
            self.ping()
        except MySQLError:
            if not self.replaceable:
                raise
            self._reconnect()
        self._last_used = time.time()

    def _reconnect(self) -> None:
        if self.open:
            self.close()
        self.connect()


def is_lost(error: Exception) -> bool:
    """Whether the connection broke, rather than the server having answered with an error."""
    code = error.args[0] if error.args else None
    return code in _LOST or (isinstance(error, InterfaceError) and code == 0)


def starts_with(sql: str | bytes, *words: str) -> bool:
    """Whether the first word of a statement is one of these."""
    start = sql[:64] if isinstance(sql, str) else sql[:64].decode(errors="replace")
    return start.lstrip(" \t\r\n(").upper().startswith(words)
