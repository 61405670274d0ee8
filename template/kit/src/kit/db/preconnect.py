"""The first database connection, opened by a thread while the app is still being imported.

Reading the URL from SSM or Secrets Manager, the round trips to the database, and TLS then take no time of their own.
Errors are ignored here: the app's own first connection runs into them again.
"""

import os
from threading import Thread
from typing import TYPE_CHECKING

from kit import settings

if TYPE_CHECKING:
    from kit.db.mysql.connection import MySQLConnection

_opening: "_Opening | None" = None


def open_connection() -> None:
    """Start opening it, except where Lambda takes a snapshot of the start (SnapStart), which no connection survives."""
    global _opening
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        _opening = _Opening(daemon=True)
        _opening.start()


def take(url: str, ca: str | None) -> "MySQLConnection | None":
    """Return the connection, waiting until it is open, to the first caller; `None` to others and for other databases."""
    global _opening
    if _opening is None:
        return None
    opening, _opening = _opening, None
    opening.join()
    return opening.connection if opening.database == (url, ca) else None


class _Opening(Thread):
    database: tuple[str, str | None] | None = None
    connection: "MySQLConnection | None" = None

    def run(self) -> None:
        try:
            config = settings.current()
            if config.database_url.startswith("mysql"):
                from kit.db.mysql import connection as mysql  # an app on SQLite does without it

                self.database = config.database_url, config.database_ca
                self.connection = mysql.MySQLConnection.to(*self.database)
        except Exception:  # noqa: BLE001, S110 - see above
            pass
