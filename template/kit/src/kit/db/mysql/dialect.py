"""SQLAlchemy's MySQL dialect for `kit.db.mysql.connection.MySQLConnection`.

It sends BEGIN, because those connections are in autocommit mode, and it gets what SQLAlchemy asks a new server in five
queries with a single one: four round trips less in a cold start.

The methods whose names begin with an underscore are SQLAlchemy's interface for dialects or private to its MySQL
dialect. That is why `kit/pyproject.toml` bounds SQLAlchemy's version; a test runs the lowest and the newest one.
"""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.exc import DBAPIError

from kit.db.mysql.connection import TransactionEnded
from kit.db.transactions import SavepointTracking

_SERVER_VARIABLES = {
    "version": "VERSION()",
    "schema": "DATABASE()",
    "isolation": "@@transaction_isolation",
    "sql_mode": "@@sql_mode",
    "lower_case_table_names": "@@lower_case_table_names",
}


class Dialect(SavepointTracking, MySQLDialect_pymysql):
    """Registered as `mysql+kit`."""

    supports_statement_cache = True
    _server: dict[str, Any]
    """The values of `_SERVER_VARIABLES`; empty for MariaDB, which names them differently."""

    def initialize(self, connection: Connection) -> None:
        """Query at once all that SQLAlchemy asks a new server."""
        try:
            row = connection.exec_driver_sql(f"SELECT {', '.join(_SERVER_VARIABLES.values())}").one()
            self._server = dict(zip(_SERVER_VARIABLES, row, strict=True))
        except DBAPIError:
            self._server = {}
        super().initialize(connection)

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        if "version" in self._server:
            return self._parse_server_version(self._server["version"])
        return super()._get_server_version_info(connection)

    def _get_default_schema_name(self, connection: Connection) -> str:
        return self._server["schema"] if "schema" in self._server else super()._get_default_schema_name(connection)

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        if "isolation" in self._server:
            return self._server["isolation"].upper().replace("-", " ")
        return super().get_default_isolation_level(dbapi_conn)  # type: ignore[no-untyped-call]

    def _fetch_setting(self, connection: Connection, setting_name: str) -> str | None:
        if setting_name in self._server:
            return str(self._server[setting_name])
        return super()._fetch_setting(connection, setting_name)

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Don't reconnect a connection with its own level: the new one would have the server's default."""
        super().set_isolation_level(dbapi_connection, level)
        dbapi_connection.replaceable = level in ("AUTOCOMMIT", self.default_isolation_level)

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        """Ignore `TransactionEnded`: nothing is left to roll back.

        The error that ended the transaction then leaves `begin_nested()` unchanged, and SQLAlchemy can close each
        savepoint.
        """
        try:
            super().do_rollback_to_savepoint(connection, name)
        except DBAPIError as error:
            if not isinstance(error.orig, TransactionEnded):
                raise

    def do_begin(self, dbapi_connection: Any) -> None:
        """Send BEGIN. SQLAlchemy leaves it to drivers; from here, its errors are wrapped as SQLAlchemy's."""
        dbapi_connection.begin()
