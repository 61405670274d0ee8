"""`python -m kit jobs …`, on a laptop's queue and on SQS alike."""

import sys
from collections.abc import Callable

import pytest
from sample_jobs import act, ordered
from sqlalchemy import insert
from stage import Queue, effects, use

from kit import clock
from kit.cli.main import main
from kit.db import database, tables
from kit.jobs import enqueue, loading
from kit.jobs.message import Delivery
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.runners import aws_lambda
from kit.jobs.runners.worker import Worker


@pytest.fixture(params=["local", "sqs"])
def dead_job(request: pytest.FixtureRequest, queue: Callable[..., Queue]) -> str:
    """A job that was given up: its id."""
    if request.param == "sqs":
        default = queue()
        loading.load()
        identity = act.enqueue("a", "raise")
        default.drain(lambda event, context: aws_lambda.run(event, context.get_remaining_time_in_millis))
    else:
        identity = act.enqueue("a", "raise")
        worker = Worker()
        while worker.step():
            pass
    return identity


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["kit", "jobs", *words])
        code = main()
        told = capsys.readouterr()
        return code, told.out or told.err

    return run


def test_a_dead_letter_is_listed_shown_retried_and_deleted(dead_job: str, jobs: Callable[..., tuple[int, str]]) -> None:
    assert "ValueError: a failed (attempt 3 of 3, the last)" in jobs("failed")[1]
    assert '"name": "a"' in jobs("show", dead_job[:8])[1]
    assert jobs("retry", dead_job) == (0, f"{dead_job} was sent back to its queue.\n")
    assert "queue default: 1 waiting" in jobs("list")[1]
    assert jobs("retry", dead_job)[0] == 2
    assert "dead letters: 0" in jobs("list")[1]


def test_all_dead_letters_are_deleted_only_with_all(dead_job: str, jobs: Callable[..., tuple[int, str]]) -> None:
    assert jobs("purge")[0] == 2
    assert jobs("purge", "--all") == (0, f"{dead_job} was deleted.\n")
    assert "dead letters: 0" in jobs("list")[1]


@pytest.mark.usefixtures("db")
def test_a_job_is_run_here_and_now(jobs: Callable[..., tuple[int, str]]) -> None:
    assert jobs("run", "add", '{"name": "by hand"}')[0] == 0
    assert effects() == ["by hand"]
    assert "Invalid arguments" in jobs("run", "add", '{"nom": 1}')[1]
    assert "Unknown job ad." in jobs("run", "ad")[1]
    assert "kit-sweep" in jobs("schedules")[1]


def test_a_dead_letter_of_a_fifo_queue_can_be_retried_repeatedly_within_five_minutes(
    queue: Callable[..., Queue], jobs: Callable[..., tuple[int, str]]
) -> None:
    orders = queue(fifo=True)
    loading.load()
    identity = ordered.enqueue("a", True, group="g")
    for _ in range(3):
        orders.drain(lambda event, context: aws_lambda.run(event, context.get_remaining_time_in_millis), most=1)
        assert "ValueError: a (attempt 2 of 2, the last)" in jobs("failed")[1]
        assert jobs("retry", identity) == (0, f"{identity} was sent back to its queue.\n")
        assert "queue orders.fifo: 1 waiting" in jobs("list")[1]
    assert effects() == ["a"] * 6


def test_all_dead_letters_of_one_group_are_retried_though_only_ten_are_shown(
    queue: Callable[..., Queue], jobs: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    orders = queue(fifo=True)
    loading.load()
    for number in range(25):
        ordered.enqueue(str(number), True, group="g")
    orders.drain(lambda event, context: aws_lambda.run(event, context.get_remaining_time_in_millis), most=1)
    assert "dead letters: 25" in jobs("list")[1]
    assert jobs("failed")[1].count("ValueError") == 10
    assert jobs("retry", "--all")[1].count("was sent back to its queue") == 25
    assert "queue orders.fifo: 25 waiting" in jobs("list")[1]
    assert "dead letters: 0" in jobs("list")[1]


def test_an_unreadable_dead_letter_does_not_stop_others_from_being_retried(
    dead_job: str, jobs: Callable[..., tuple[int, str]]
) -> None:
    queues = enqueue.configured_queues()
    unreadable = Delivery("[" * 100_000, "receipt", 1, "default", "unreadable")
    if isinstance(queues, DatabaseQueues):
        row = {"id": "unreadable", "queue": "default", "job": "?", "body": unreadable.body, "visible_at": clock.now()}
        with database.engine().begin() as connection:
            connection.execute(insert(tables.jobs).values(**row, receipt="receipt", receive_count=1, state="waiting"))
    queues.dead_letter(unreadable, "the message is unreadable", None)
    code, printed = jobs("retry", "--all")
    assert (code, printed) == (2, f"{dead_job} was sent back to its queue.\n")
    assert "dead letters: 1" in jobs("list")[1]
    assert "the message is unreadable" in jobs("failed")[1]
    assert jobs("purge", "--all")[0] == 0


@pytest.mark.usefixtures("db")
def test_arguments_that_are_not_json_are_rejected(jobs: Callable[..., tuple[int, str]]) -> None:
    for wrong in ("[" * 100_000, "{", "NaN", "7", '{"name": 1e999}'):
        code, printed = jobs("run", "add", wrong)
        assert code == 2
        assert "Invalid arguments" in printed


@pytest.mark.parametrize("command", [["failed"], ["show", "7"], ["retry", "--all"], ["purge", "--all"]])
@pytest.mark.parametrize("server", ["sqlite", "mysql"])
@pytest.mark.usefixtures("db")
def test_a_database_without_tables_is_to_be_migrated(
    server: str,
    command: list[str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    jobs: Callable[..., tuple[int, str]],
) -> None:
    if server == "mysql":
        mysql_server = request.getfixturevalue("mysql_server").with_database("jobs")
        use(monkeypatch, DATABASE_URL=mysql_server.url(), DATABASE_CA=mysql_server.ca)
    tables.metadata.drop_all(database.engine())
    code, printed = jobs(*command)
    assert code == 2
    assert "Run: make migrate" in printed
