"""The local worker outlives its database, and stops on a signal."""

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sample_jobs import act, add, long, swallow_sigterm
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from stage import effects, use

import waiting
from kit.db import database
from kit.jobs import autoreload, outage
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.runners import fargate
from kit.jobs.runners.worker import Worker
from kit.testing import enqueued
from rendering import TEMPLATE

pytestmark = pytest.mark.usefixtures("db")


class Sleep:
    """Notes the pauses instead of making them; `then` is done at one of them."""

    def __init__(self, at: int = 0, then: Callable[[], object] = lambda: None) -> None:
        self.pauses: list[float] = []
        self.at, self.then = at, then

    def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        assert len(self.pauses) < 100, "the worker waits for ever"
        if len(self.pauses) == self.at:
            self.then()


def messages(caplog: pytest.LogCaptureFixture, beginning: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(beginning)]


def test_a_locked_database_is_waited_for_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    add.enqueue("a")
    file = database.engine().url.database
    assert file
    database.engine().dispose()
    event.listen(database.engine(), "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=0"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sleep = Sleep(at=8, then=lambda: other.execute("COMMIT"))
    Worker(sleep=sleep).work(lambda: bool(enqueued()))
    assert effects() == ["a"]
    assert len(sleep.pauses) == 8
    assert len(messages(caplog, "the worker is waiting for its database: ")) == 1
    assert len(messages(caplog, "the database responds again")) == 1
    other.close()


def test_the_pauses_grow_up_to_a_limit_and_restart_after_a_response() -> None:
    sleep = Sleep()
    waits = outage.Outage(sleep)
    for _ in range(12):
        waits.wait(OSError("refused"))
    full = [min(outage.MAX_PAUSE, outage.FIRST_PAUSE * 2**number) for number in range(12)]
    assert all(most / 2 <= pause <= most for pause, most in zip(sleep.pauses, full, strict=True))
    waits.end()
    waits.wait(OSError("refused"))
    assert sleep.pauses[-1] <= outage.FIRST_PAUSE


@pytest.fixture
def refuse() -> Iterator[Callable[[str, int], None]]:
    """Let the database refuse statements with this beginning so many times."""
    left: dict[str, int] = {}

    def check(_: Any, __: Any, statement: str, *___: Any) -> None:
        for beginning, times in left.items():
            if statement.startswith(beginning) and times:
                left[beginning] -= 1
                raise OperationalError(statement, {}, Exception("Lost connection to MySQL server during query"))

    event.listen(database.engine(), "before_cursor_execute", check)
    yield left.__setitem__
    event.remove(database.engine(), "before_cursor_execute", check)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT kit_schedule_runs",
        "INSERT INTO kit_schedule_runs",
        "SELECT kit_jobs.number",
        "UPDATE kit_jobs",
        "DELETE FROM kit_jobs",
    ],
)
@pytest.mark.parametrize("times", [1, 7])
def test_each_job_succeeds_once_whatever_statement_of_the_database_fails(
    refuse: Callable[[str, int], None], statement: str, times: int
) -> None:
    add.enqueue("a")
    add.enqueue("b")
    refuse(statement, times)
    sleep = Sleep()
    Worker(sleep=sleep).work(lambda: len(effects()) < 2 or bool(enqueued()))
    assert effects() == ["a", "b"]
    assert len(sleep.pauses) == times


def test_a_failure_is_kept_with_its_reason_though_the_database_is_away(refuse: Callable[[str, int], None]) -> None:
    act.enqueue("a", "raise")
    refuse("UPDATE kit_jobs SET state=", 5)
    sleep = Sleep()
    Worker(sleep=sleep).work(lambda: not DatabaseQueues().dead_letters())
    [letter] = DatabaseQueues().dead_letters()
    assert letter.reason == "ValueError: a failed (attempt 3 of 3, the last)"
    assert len(sleep.pauses) == 5


def test_a_job_swallows_sigterm_and_the_worker_stops_after_it() -> None:
    swallow_sigterm.enqueue("a")
    add.enqueue("b")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop = autoreload.Stop()
        Worker(sleep=Sleep()).work(lambda: not stop.requested)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert effects() == ["a"]
    assert len(enqueued()) == 1


@pytest.mark.parametrize("options", [[], ["--reload"]], ids=["plain", "reload"])
def test_a_worker_starts_before_its_database_and_ends_on_sigterm(
    options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, DATABASE_URL=f"mysql://app:secret@127.0.0.1:{waiting.free_port()}/app")
    paths = os.pathsep.join([str(TEMPLATE), str(Path(__file__).parent)])
    code = "import sys; from kit import references; references.JOBS = 'sample_jobs'; from kit.cli.main import main; sys.exit(main())"
    log = tmp_path / "log"
    with log.open("wb") as stream:
        command = [sys.executable, "-c", code, "jobs", "worker", *options]
        process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stdout=stream, stderr=stream)
    try:
        waiting.until(lambda: "the worker is waiting for its database" in log.read_text(), what="the worker")
        assert process.poll() is None
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "mended" not in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_long_job_gets_a_process_with_the_workers_environment_and_the_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processes: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, env: processes.append((command, env)))
    monkeypatch.setenv("OF_THE_WORKER", "1")
    long.enqueue("a")
    assert Worker(sleep=Sleep()).step()
    [(command, environment)] = processes
    assert command[0] == sys.executable
    assert environment["OF_THE_WORKER"] == "1"
    assert '"a"' in json.loads(environment[fargate.VARIABLE])["body"]


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_reloading_worker_restarts_itself_unless_it_was_stopped(
    interrupted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(self: Worker, go_on: Callable[[], bool]) -> None:
        if interrupted:
            with pytest.raises(KeyboardInterrupt):  # a job swallows it
                signal.raise_signal(signal.SIGTERM)
            assert not go_on()

    commands: list[list[str]] = []
    monkeypatch.setattr(autoreload, "_watch", lambda *_: None)
    monkeypatch.setattr(Worker, "work", work)
    monkeypatch.setattr(os, "execv", lambda program, command: commands.append(command))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        autoreload.run_with_reload()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert [command[-2:] for command in commands] == ([] if interrupted else [["worker", "--reload"]])


def test_a_reloading_worker_ends_with_its_parent_and_sees_changed_files(monkeypatch: pytest.MonkeyPatch) -> None:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(autoreload, "POLL", 0)
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    changed = threading.Event()
    autoreload._watch(changed, {}, os.getppid())
    assert (changed.is_set(), signals) == (True, [])
    changed.clear()
    autoreload._watch(changed, autoreload.modified_times(), os.getppid() + 1)
    assert (changed.is_set(), signals) == (False, [(os.getpid(), signal.SIGTERM)])
