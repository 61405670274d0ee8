"""The first connection to the database, opened by a thread while the app is still being imported.

Reading the URL from SSM or Secrets Manager, the ways to the database and back, and its TLS then cost no time of their
own. What goes wrong here is not told: the app's own first connection meets it again.
"""

import os
from threading import Thread
from typing import TYPE_CHECKING

from kit import settings

if TYPE_CHECKING:
    from kit.db.mysql import MySQLConnection

_opening: "_Opening | None" = None


def open_connection() -> None:
    """Begin. Not where Lambda takes a snapshot of the start (SnapStart), which no connection survives."""
    global _opening
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        _opening = _Opening(daemon=True)
        _opening.start()


def take(url: str, ca: str | None) -> "MySQLConnection | None":
    """Give the connection, once it is open, to the first who asks for one to this database; else nothing."""
    global _opening
    if _opening is None:
        return None
    opened, _opening = _opening, None
    opened.join()
    return opened.connection if opened.database == (url, ca) else None


class _Opening(Thread):
    database: tuple[str, str | None] | None = None
    connection: "MySQLConnection | None" = None

    def run(self) -> None:
        try:
            wanted = settings.current()
            if wanted.database_url.startswith("mysql"):
                from kit.db import mysql

                self.database = wanted.database_url, wanted.database_ca
                self.connection = mysql.MySQLConnection(**mysql.arguments(*self.database))
        except Exception:  # noqa: BLE001, S110 - see above
            pass
