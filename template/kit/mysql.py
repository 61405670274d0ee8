"""One connection to MySQL: through verified TLS or not at all, and made anew where nothing can have been written.

It knows nothing of SQLAlchemy, so that it can be opened while that is still being imported; see `kit.ahead`.
"""

import os
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from pymysql.connections import Connection as PyMySQLConnection
from pymysql.constants import CLIENT, CR, FIELD_TYPE
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from pymysql.converters import conversions, convert_datetime
from pymysql.err import Error, InterfaceError, OperationalError

from kit.results import Result

IDLE = 60
"""Seconds without use after which a connection is asked first whether it still lives."""

_GONE = {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED, 1053, 4031}
"""The connection broke; or the server says that it shuts down (1053) or had waited too long (4031)."""


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
        self.columns: dict[bytes, Any] = {}
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
            if not (lost(error) and begins(sql, "SELECT")):
                raise
            self._connect_anew()
            return self._query(sql, unbuffered)

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


def begins(sql: str | bytes, *words: str) -> bool:
    """Whether a statement's first word is one of these."""
    start = sql[:64] if isinstance(sql, str) else sql[:64].decode(errors="replace")
    return start.lstrip(" \t\r\n(").upper().startswith(words)
