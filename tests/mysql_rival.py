"""A second client of a MySQL server, which makes the server answer a test's statements with real errors.

Each method takes `execute`, which runs one SQL statement in the transaction under test, and raises what that raises.
The tables need the columns `id` (primary key) and `n`, and the rows `FIRST` and `SECOND`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mysql
import waiting

FIRST, SECOND = 901, 902
"""Rows that are there to be locked."""

Execute = Callable[[str], Any]


class Rival:
    """Holds locks that the transaction under test wants, and kills its statements and connections."""

    def __init__(self, server: mysql.Server) -> None:
        self.client, self.watcher = server.admin(), server.admin()
        with self.client.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS ballast (id INT AUTO_INCREMENT PRIMARY KEY, n INT)")

    def close(self) -> None:
        self.client.close()
        self.watcher.close()

    def deadlock(self, execute: Execute, table: str) -> None:
        """Have the transaction chosen as the victim of a deadlock (1213): it loses all that it did.

        InnoDB rolls back the transaction that changed fewer rows, so the rival changes many.
        """
        execute(f"UPDATE {table} SET n = n + 1 WHERE id = {FIRST}")
        with self._transaction() as cursor:
            cursor.execute(f"INSERT INTO ballast (n) VALUES {', '.join(['(1)'] * 100)}")
            cursor.execute(f"UPDATE {table} SET n = n + 1 WHERE id = {SECOND}")
            blocked = threading.Thread(
                target=cursor.execute, args=(f"UPDATE {table} SET n = n + 1 WHERE id = {FIRST}",)
            )
            blocked.start()
            try:
                self._until_waiting(self.client.thread_id())
                execute(f"UPDATE {table} SET n = n + 1 WHERE id = {SECOND}")
            finally:
                blocked.join()

    def lock_timeout(self, execute: Execute, table: str) -> None:
        """Have a statement wait for a lock until `innodb_lock_wait_timeout` (1205)."""
        with self._transaction() as cursor:
            cursor.execute(f"UPDATE {table} SET n = n + 1 WHERE id = {SECOND}")
            execute(f"UPDATE {table} SET n = n + 1 WHERE id = {SECOND}")

    def kill_query(self, execute: Execute, table: str) -> None:
        """Have a statement killed while it waits for a lock (1317)."""
        number = execute("SELECT CONNECTION_ID()").scalar()

        def kill() -> None:
            self._until_waiting(number)
            self._kill("QUERY", number)

        with self._transaction() as cursor:
            cursor.execute(f"UPDATE {table} SET n = n + 1 WHERE id = {SECOND}")
            killer = threading.Thread(target=kill)
            killer.start()
            try:
                execute(f"UPDATE {table} SET n = n + 1 WHERE id = {SECOND}")
            finally:
                killer.join()

    def kill_connection(self, execute: Execute, table: str) -> None:
        """Have the connection killed between two statements (2006 or 2013)."""
        self._kill("CONNECTION", execute("SELECT CONNECTION_ID()").scalar())
        execute(f"UPDATE {table} SET n = n + 1 WHERE id = {FIRST}")

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self.client.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
            finally:
                cursor.execute("ROLLBACK")

    def _kill(self, what: str, number: int) -> None:
        with self.watcher.cursor() as cursor:
            cursor.execute(f"KILL {what} {number}")

    def _until_waiting(self, number: int) -> None:
        """Return once the connection of this number waits for a row's lock."""
        waits = (
            "SELECT count(*) FROM performance_schema.data_lock_waits AS w "
            "JOIN performance_schema.threads AS t ON t.thread_id = w.requesting_thread_id WHERE t.processlist_id = %s"
        )

        def found() -> bool:
            with self.watcher.cursor() as cursor:
                cursor.execute(waits, (number,))
                return bool(cursor.fetchall()[0][0])

        waiting.until(found, what="a lock wait", seconds=10, every=0.002)
