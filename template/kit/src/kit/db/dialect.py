"""SQLAlchemy's dialect for MySQL with PyMySQL, for connections of `kit.db.mysql`.

It sends BEGIN, because they stand in autocommit; and of a new server it asks one question where SQLAlchemy asks five,
which a first visitor would wait for.
"""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.exc import DBAPIError

from kit.db.mysql import TransactionEnded
from kit.db.transactions import FollowsSavepoints

_QUESTIONS = {
    "version": "VERSION()",
    "schema": "DATABASE()",
    "isolation": "@@transaction_isolation",
    "sql_mode": "@@sql_mode",
    "lower_case_table_names": "@@lower_case_table_names",
}


class Dialect(FollowsSavepoints, MySQLDialect_pymysql):
    """Known as `mysql+kit`."""

    supports_statement_cache = True
    _told: dict[str, Any]
    """What the server said of itself; nothing of MariaDB, which calls things otherwise."""

    def initialize(self, connection: Connection) -> None:
        """Ask once for all that SQLAlchemy wants to know of the server."""
        try:
            said = connection.exec_driver_sql(f"SELECT {', '.join(_QUESTIONS.values())}").one()
            self._told = dict(zip(_QUESTIONS, said, strict=True))
        except DBAPIError:
            self._told = {}
        super().initialize(connection)

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        if "version" in self._told:
            return self._parse_server_version(self._told["version"])
        return super()._get_server_version_info(connection)

    def _get_default_schema_name(self, connection: Connection) -> str:
        return self._told["schema"] if "schema" in self._told else super()._get_default_schema_name(connection)

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        if "isolation" in self._told:
            return self._told["isolation"].upper().replace("-", " ")
        return super().get_default_isolation_level(dbapi_conn)  # type: ignore[no-untyped-call]

    def _fetch_setting(self, connection: Connection, setting_name: str) -> str | None:
        if setting_name in self._told:
            return str(self._told[setting_name])
        return super()._fetch_setting(connection, setting_name)

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """A connection with a level of its own is not reconnected: the new one would have the server's default."""
        super().set_isolation_level(dbapi_connection, level)
        dbapi_connection.replaceable = level in ("AUTOCOMMIT", self.default_isolation_level)

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        """In a transaction that the server has ended there is nothing left to roll back.

        The error that ended it then leaves `begin_nested()` as it is, and SQLAlchemy can close each savepoint.
        """
        try:
            super().do_rollback_to_savepoint(connection, name)
        except DBAPIError as error:
            if not isinstance(error.orig, TransactionEnded):
                raise

    def do_begin(self, dbapi_connection: Any) -> None:
        """SQLAlchemy leaves BEGIN to drivers that are not in autocommit; sent from here, its errors are SQLAlchemy's."""
        dbapi_connection.begin()
