"""`python -m kit jobs …`, on a laptop's queue and on SQS alike."""

import sys
from collections.abc import Callable

import pytest
from sample_jobs import act
from stage import Queue

from kit.__main__ import main
from kit.jobs import batch, declare
from kit.jobs.worker import Worker


@pytest.fixture(params=["local", "sqs"])
def dead_job(request: pytest.FixtureRequest, queue: Callable[..., Queue]) -> str:
    """A job that was given up: its id."""
    if request.param == "sqs":
        default = queue()
        declare.load()
        identity = act.enqueue("a", "raise")
        default.drain(lambda event, context: batch.work(event, context.get_remaining_time_in_millis))
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


def test_a_dead_job_is_listed_shown_tried_again_and_deleted(
    dead_job: str, jobs: Callable[..., tuple[int, str]]
) -> None:
    assert "ValueError: a failed (attempt 3 of 3, the last)" in jobs("failed")[1]
    assert '"name": "a"' in jobs("show", dead_job[:8])[1]
    assert jobs("retry", dead_job) == (0, f"{dead_job} is in its queue again.\n")
    assert "queue default: 1 waiting" in jobs("list")[1]
    assert jobs("retry", dead_job)[0] == 2
    assert "dead letters: 0" in jobs("list")[1]


def test_all_dead_jobs_are_deleted_only_when_that_is_said(dead_job: str, jobs: Callable[..., tuple[int, str]]) -> None:
    assert jobs("purge")[0] == 2
    assert jobs("purge", "--all") == (0, f"{dead_job} is deleted.\n")
    assert "dead letters: 0" in jobs("list")[1]


@pytest.mark.usefixtures("db")
def test_a_job_is_run_here_and_now(jobs: Callable[..., tuple[int, str]]) -> None:
    from stage import effects

    assert jobs("run", "add", '{"name": "by hand"}')[0] == 0
    assert effects() == ["by hand"]
    assert "The arguments cannot be used" in jobs("run", "add", '{"nom": 1}')[1]
    assert "There is no one job called ad" in jobs("run", "ad")[1]
    assert "kit-sweep" in jobs("schedules")[1]
