"""The first connection to the database, opened by a thread while the app is still being imported.

Reading the URL from SSM or Secrets Manager, the ways to the database and back, and its TLS then cost no time of their
own. What goes wrong here is not told: the app's own first connection meets it again.
"""

import os
from threading import Thread
from typing import TYPE_CHECKING, Any

from kit import settings

if TYPE_CHECKING:
    from kit.mysql import MySQLConnection

_opening: "_Opening | None" = None


def open_connection() -> None:
    """Begin. Not where Lambda takes a snapshot of the start (SnapStart), which no connection survives."""
    global _opening
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        _opening = _Opening(daemon=True)
        _opening.start()


def take(named: dict[str, Any]) -> "MySQLConnection | None":
    """Give the connection, once it is open, to the first who asks for one with these arguments; else nothing."""
    global _opening
    if _opening is None:
        return None
    opened, _opening = _opening, None
    opened.join()
    return opened.connection if opened.named == named else None


class _Opening(Thread):
    named: dict[str, Any] | None = None
    connection: "MySQLConnection | None" = None

    def run(self) -> None:
        try:
            wanted = settings.current()
            if wanted.database_url.startswith("mysql"):
                from kit import mysql

                named = mysql.arguments(wanted.database_url, wanted.database_ca)
                self.connection, self.named = mysql.MySQLConnection(**named), named
        except Exception:  # noqa: BLE001, S110 - see above
            pass
