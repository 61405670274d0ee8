"""Workers on a real MySQL whose connections are killed, which times out on locks and is restarted.

WORKER_KILLS=200 makes it 200 killed connections, 5 restarts and 100 lock timeouts, which takes some minutes.
"""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pymysql
import pytest
from sample_jobs import add
from sqlalchemy.exc import SQLAlchemyError
from stage import effects, make_tables, use

import mysql
import waiting
from kit.db import database
from kit.jobs.queues.database import DatabaseQueues
from relay import relay
from rendering import TEMPLATE

KILLS = int(os.environ.get("WORKER_KILLS", "8"))
RESTARTS = max(1, KILLS // 40)
LOCK_TIMEOUTS = KILLS // 2


@dataclass
class Server:
    """A MySQL server of this test's own, at a port that outlasts a restart; `count_timeouts` is what it has counted."""

    running: mysql.Server
    timeouts: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(24))

    def set_up(self) -> None:
        with self.running.admin() as admin, admin.cursor() as cursor:
            cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 1")

    def kill_a_connection(self) -> bool:
        """End one of the workers' connections, whatever it does."""
        with self.running.admin() as admin, admin.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'app' AND db = 'app'")
            ids = [row[0] for row in cursor.fetchall()]
            if not ids:
                return False
            try:
                cursor.execute(f"KILL {self.dice.choice(ids)}")
            except pymysql.OperationalError:  # it has ended by itself
                return False
        return True

    def time_out_on_locks(self) -> None:
        """Hold all rows of the queue for longer than anyone waits for a lock."""
        before = self.count_timeouts()
        with self.running.admin() as admin, admin.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT COUNT(*) FROM kit_jobs FOR UPDATE")
            time.sleep(1.5)
            cursor.execute("ROLLBACK")
        self.timeouts += self.count_timeouts() - before

    def count_timeouts(self) -> int:
        """How often the server has answered with 1205 since it was started."""
        with self.running.admin() as admin, admin.cursor() as cursor:
            cursor.execute(
                "SELECT SUM_ERROR_RAISED FROM performance_schema.events_errors_summary_global_by_error "
                "WHERE ERROR_NUMBER = 1205"
            )
            return int((cursor.fetchone() or [0])[0])

    def restart(self) -> None:
        self.running.container.restart()
        self.running.wait()
        self.set_up()


@pytest.fixture
def server(tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with the tables of the jobs, which the settings lead to through a relay."""
    with mysql.server(tmp_path, keeps_data=True) as running, relay(lambda: running.container.port(3306)) as port:
        made = Server(running)
        made.set_up()
        parts = urlsplit(running.url())
        url = parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()
        use(monkeypatch, DATABASE_URL=url, DATABASE_CA=running.ca)
        make_tables()
        yield made
        database.engine().dispose()


@contextlib.contextmanager
def workers(log: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Three workers, one of them as `make dev` runs it."""
    paths = os.pathsep.join([str(TEMPLATE), str(Path(__file__).parent)])
    code = "import sys; from kit import references; references.JOBS = 'sample_jobs'; from kit.cli.main import main; sys.exit(main())"
    running = []
    with log.open("wb") as stream:
        for options in ([], [], ["--reload"]):
            command = [sys.executable, "-c", code, "jobs", "worker", *options]
            environ = os.environ | {"PYTHONPATH": paths, "LOG_LEVEL": "warning"}
            running.append(subprocess.Popen(command, env=environ, stdout=stream, stderr=stream))
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def enqueue(name: str, *, key: str | None) -> None:
    """Enqueue it for certain, and twice where the answer is lost."""
    while True:
        try:
            add.enqueue(name, idempotency_key=key)
        except (SQLAlchemyError, OSError):
            time.sleep(0.05)
        else:
            return


def is_done() -> bool:
    try:
        return not [message for message in DatabaseQueues().waiting() if message.job == add.name]
    except (SQLAlchemyError, OSError):
        return False


def test_workers_outlive_their_database_and_lose_and_double_nothing(server: Server, tmp_path: Path) -> None:
    log = tmp_path / "workers.log"
    faults = ["kill"] * KILLS + ["restart"] * RESTARTS
    server.dice.shuffle(faults)
    names = set()
    with workers(log) as processes:
        for number, fault in enumerate(faults):
            for one in range(20):
                name = f"{('plain', 'key')[one % 2]} {number} {one}"
                names.add(name)
                enqueue(name, key=name if one % 2 else None)
            if fault == "restart":
                server.restart()
            else:
                waiting.until(server.kill_a_connection, what="a connection to kill")
                time.sleep(server.dice.uniform(0, 0.1))
            if server.timeouts < LOCK_TIMEOUTS * (number + 1) / len(faults):
                server.time_out_on_locks()
        while server.timeouts < LOCK_TIMEOUTS:
            server.time_out_on_locks()
        waiting.until(is_done, what="the jobs", seconds=180)
        exits = [process.poll() for process in processes]
        for process in processes:
            process.terminate()
        ends = [process.wait(60) for process in processes]
    done = Counter(effects())
    dead = [letter for letter in DatabaseQueues().dead_letters() if letter.job == add.name]
    doubled = [name for name, times in done.items() if times > 1 and name.startswith("key")]
    print(f"{KILLS} kills, {RESTARTS} restarts, {server.timeouts} lock timeouts, {len(names)} jobs")
    print(
        f"exits {len([code for code in exits if code is not None])}, lost {len(names - done.keys())}, doubled {len(doubled)}"
    )
    assert (exits, ends) == ([None] * 3, [0] * 3), log.read_text()
    assert (names - done.keys(), doubled, dead) == (set(), [], [])
    assert server.timeouts >= LOCK_TIMEOUTS
