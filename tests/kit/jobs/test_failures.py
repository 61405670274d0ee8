"""A failed attempt is counted with its true reason, whatever the job raised, and its neighbours run."""

import logging
from collections.abc import Callable

import pytest
import sample_jobs
from sample_jobs import add, cancel_itself, fail, fail_with_a_bad_backoff
from stage import Context, Queue, effects, use

from kit.jobs import loading, message
from kit.jobs.enqueue import configured_queues
from kit.jobs.message import DeadLetter
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.queues.inline import InlineError
from kit.jobs.runners import aws_lambda
from kit.jobs.runners.worker import Worker
from kit.jobs.timeouts import OutOfTime
from kit.testing import frozen_clock

Drain = Callable[[], None]


@pytest.fixture(params=["local", "lambda"])
def drain(request: pytest.FixtureRequest, queue: Callable[..., Queue]) -> Drain:
    """Run all that is due, by the local worker or by the jobs' Lambda function."""
    if request.param == "local":
        worker = Worker()

        def step_until_idle() -> None:
            while worker.step():
                pass

        return step_until_idle
    default = queue()
    loading.load()

    def handler(event: object, context: Context) -> object:
        return aws_lambda.run(event, lambda: context.get_remaining_time_in_millis() / 1000)  # type: ignore[arg-type]

    return lambda: default.drain(handler) and None


def dead() -> list[DeadLetter]:
    return configured_queues().dead_letters()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("cancelled", "CancelledError: "),
        ("closed", "GeneratorExit: "),
        ("exit", "SystemExit: 3"),
        ("abort", "Abort: lost"),
        ("half a character", r"ValueError: half \ud83d a character"),
        ("mute", "Mute: (the __str__ of Mute raised RuntimeError)"),
    ],
)
def test_whatever_a_job_raises_is_a_failed_attempt_with_its_reason(drain: Drain, how: str, reason: str) -> None:
    fail.enqueue("a", how)
    add.enqueue("b")
    drain()
    [letter] = dead()
    assert letter.reason == f"{reason} (attempt 3 of 3, the last)"
    assert sorted(effects()) == ["a", "a", "a", "b"]


def test_a_reason_is_kept_however_long_it_is(drain: Drain) -> None:
    fail.enqueue("a", "long")
    drain()
    [letter] = dead()
    assert letter.reason.startswith("ValueError: xxx")
    assert len(letter.reason.encode()) <= message.MAX_REASON


def test_an_async_job_that_is_cancelled_from_inside_is_a_failed_attempt(drain: Drain) -> None:
    cancel_itself.enqueue("a")
    add.enqueue("b")
    drain()
    [letter] = dead()
    assert letter.reason.startswith("CancelledError: ")
    assert sorted(effects()) == ["a", "a", "a", "b"]


def test_a_backoff_that_raises_does_not_hide_why_the_job_failed(db: None, caplog: pytest.LogCaptureFixture) -> None:
    fail_with_a_bad_backoff.enqueue("a")
    worker = Worker()
    with frozen_clock() as clock:
        for _ in range(3):
            worker.step()
            clock.move(hours=12)
    [letter] = DatabaseQueues().dead_letters()
    assert letter.reason == "ValueError: a failed (attempt 3 of 3, the last)"
    assert any("backoff" in record.getMessage() and record.exc_info for record in caplog.records)


def test_on_lambda_a_keyboard_interrupt_is_the_jobs_own(
    queue: Callable[..., Queue], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sample_jobs.ERRORS, "cancelled", KeyboardInterrupt())
    default = queue()
    loading.load()
    fail.enqueue("a", "cancelled")
    add.enqueue("b")
    event = default.event()
    assert event
    answer = aws_lambda.run(event, lambda: 60)
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == [event["Records"][0]["messageId"]]
    assert effects() == ["a", "b"]


def test_a_keyboard_interrupt_ends_the_local_worker_and_the_job_comes_back(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sample_jobs.ERRORS, "cancelled", KeyboardInterrupt())
    fail.enqueue("a", "cancelled")
    with pytest.raises(KeyboardInterrupt):
        Worker().step()
    delivery = DatabaseQueues().receive()
    assert delivery
    assert delivery.receive_count == 2


def test_an_inline_job_that_exits_or_is_cancelled_does_not_end_or_cancel_its_caller(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, JOBS="inline")
    for how in ("exit", "cancelled", "abort"):
        with pytest.raises(InlineError, match=r"sample_jobs\.fail failed: "):
            fail.enqueue("a", how)


def test_an_inline_job_does_not_hold_up_the_end_of_the_job_around_it(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from kit.jobs import timeouts

    use(monkeypatch, JOBS="inline")
    with pytest.raises(OutOfTime):
        timeouts.call(sample_jobs.act.enqueue, {"name": "a", "how": "hang"}, 0.1)


def test_an_error_that_cannot_be_written_to_the_metrics_changes_nothing(
    queue: Callable[..., Queue], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        def write(self, _: str) -> None:
            raise BrokenPipeError

    default = queue()
    use(monkeypatch, JOBS_METRICS="1")
    loading.load()
    add.enqueue("a")
    event = default.event()
    assert event
    monkeypatch.setattr("sys.stdout", Closed())
    assert aws_lambda.run(event, lambda: 60) == {"batchItemFailures": []}


def test_the_log_has_the_traceback_of_an_error_without_text(db: None, caplog: pytest.LogCaptureFixture) -> None:
    fail.enqueue("a", "mute")
    with caplog.at_level(logging.WARNING):
        Worker().step()
    [record] = [record for record in caplog.records if record.exc_info]
    assert isinstance(record.exc_info, tuple)
    assert record.exc_info[1] is sample_jobs.ERRORS["mute"]
