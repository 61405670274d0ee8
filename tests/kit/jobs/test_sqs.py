"""Jobs on SQS: whatever happens in a batch, each message ends where it belongs, once."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sample_jobs
from aws_emulator import Emulator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_jobs import act, add, long, ordered, stubborn, wait
from stage import Context, Queue, effects, use

from kit.db import database
from kit.jobs import JobError, days, enqueue, loading, minutes
from kit.jobs.message import Message
from kit.jobs.queues import sqs

Make = Callable[..., Queue]


@pytest.fixture
def handler(db: None) -> Callable[[Any, Any], Any]:
    loading.load()
    from kit import logs
    from kit.jobs.runners import aws_lambda

    logs.configure()
    return lambda event, context: aws_lambda.run(event, lambda: context.get_remaining_time_in_millis() / 1000)


def reasons() -> Counter[str]:
    return Counter(letter.reason.partition(":")[0] for letter in sqs.SqsQueues().dead_letters())


def waiting() -> int:
    return sqs.SqsQueues().count()["default"]


def test_a_job_that_is_enqueued_is_run_and_gone(queue: Make, handler: Any) -> None:
    default = queue()
    add.enqueue("one")
    assert default.drain(handler) == 1
    assert (effects(), waiting()) == (["one"], 0)


def test_a_request_that_enqueues_one_job_makes_one_call(queue: Make, calls: list[str]) -> None:
    queue()
    add.enqueue("outside of a transaction")
    with database.session():
        add.enqueue("inside of one")
    assert calls == ["SendMessage", "SendMessage"]


def test_many_jobs_take_a_call_for_ten(queue: Make, calls: list[str]) -> None:
    queue()
    assert len(set(add.enqueue_many([(str(number),) for number in range(95)]))) == 95
    assert calls == ["SendMessageBatch"] * 10
    assert waiting() == 95


@pytest.mark.parametrize("max_receive_count", [1, 2, 3, 4, 13])
@pytest.mark.parametrize("how", ["raise", "exit"])
def test_an_exhausted_job_ends_in_the_dead_letter_queue_with_its_reason(
    queue: Make, handler: Any, max_receive_count: int, how: str
) -> None:
    """With attempts (3) above, at and below the queue's maxReceiveCount."""
    default = queue(max_receive_count)
    act.enqueue("a", how)
    default.drain(handler)
    [letter] = sqs.SqsQueues().dead_letters()
    assert "attempt 3 of 3, the last" in letter.reason
    assert letter.job == "sample_jobs.act"
    assert (effects(), waiting()) == (["a"] * 3, 0)


def test_twenty_attempts_are_made_where_the_queue_allows_three(queue: Make, handler: Any) -> None:
    default = queue(3)
    stubborn.enqueue()
    default.drain(handler)
    [letter] = sqs.SqsQueues().dead_letters()
    assert "attempt 20 of 20" in letter.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no json", "the message is unreadable: it is not JSON"),
        ("[1]", "the message is unreadable: it names no job"),
        ('{"v":1,"job":"sample_jobs.add","arguments":[]}', "the message is unreadable: a field"),
        ('{"v":2,"job":"sample_jobs.add","arguments":{}}', "the message is unreadable: it is not of version 1"),
        ('{"v":1,"job":"app.gone","arguments":{}}', "there is no job app.gone"),
        ('{"v":1,"job":"sample_jobs.add","arguments":{"nom":1}}', "the arguments do not fit sample_jobs.add"),
        (
            '{"schedule":"gone","time":"2026-01-01T00:00:00Z"}',
            "the message is unreadable: it is not the tick of a schedule",
        ),
        ('{"schedule":"kit-sweep","time":"<aws.scheduler.scheduled-time>"}', "the message is unreadable"),
    ],
)
@pytest.mark.parametrize("max_receive_count", [1, 13])
def test_an_unreadable_or_unknown_message_is_dead_lettered_too(
    queue: Make, handler: Any, body: str, reason: str, max_receive_count: int
) -> None:
    default = queue(max_receive_count)
    default.put(body)
    assert default.drain(handler) == 1
    [letter] = sqs.SqsQueues().dead_letters()
    assert letter.reason.startswith(reason)
    assert (letter.body, waiting()) == (body, 0)


@pytest.mark.parametrize("max_receive_count", [3, 4, 5])
def test_a_job_that_kills_its_process_each_time_is_dead_lettered_with_a_reason(
    queue: Make, handler: Any, max_receive_count: int
) -> None:
    """Its attempts (3) at and below maxReceiveCount: the process cannot tell, so the next delivery does."""
    default = queue(max_receive_count)
    act.enqueue("a")
    for _ in range(3):
        if event := default.event():
            hide(default, event, 0)  # the function died; the message comes back
    default.drain(handler)
    letters = sqs.SqsQueues().dead_letters()
    if max_receive_count == 3:  # it came back as a copy before its last attempt, which succeeded
        assert len(letters) + len(effects()) >= 1
    else:
        assert letters[0].reason == "the process died in attempt 3 of 3"
        assert effects() == []


def hide(default: Queue, event: dict[str, Any], seconds: int) -> None:
    for record in event["Records"]:
        default.sqs.change_message_visibility(
            QueueUrl=default.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds
        )


def test_a_success_is_not_run_again_when_the_next_job_takes_the_environment_down(queue: Make, handler: Any) -> None:
    default = queue()
    add.enqueue("first")
    act.enqueue("second", "die")
    add.enqueue("third")
    event = default.event()
    assert event
    database.engine().dispose()
    if (child := os.fork()) == 0:
        handler(event, Context())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    hide_rest = {**event, "Records": event["Records"][1:]}
    hide(default, hide_rest, 0)
    again = default.event()
    assert again
    assert [json.loads(record["body"])["arguments"]["name"] for record in again["Records"]] == ["second", "third"]


def test_a_job_that_would_overrun_the_function_is_stopped_and_retried(queue: Make, handler: Any) -> None:
    default = queue()
    act.enqueue("slow", "hang")
    event = default.event()
    assert event
    answer = handler(event, Context(seconds=2.3))
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == [event["Records"][0]["messageId"]]
    assert waiting() == 1


def test_a_job_that_takes_the_alarm_for_itself_leaves_the_next_one_its_limit(queue: Make, handler: Any) -> None:
    default = queue()
    before = signal.getsignal(signal.SIGALRM)
    act.enqueue("deaf", "deafen")
    act.enqueue("slow", "hang")
    event = default.event()
    assert event
    answer = handler(event, Context(seconds=2.3))
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == [event["Records"][1]["messageId"]]
    assert (effects(), signal.getsignal(signal.SIGALRM)) == (["deaf", "slow"], before)


def test_a_job_that_there_is_no_time_to_start_loses_no_attempt(queue: Make, handler: Any) -> None:
    default = queue()
    act.enqueue("late", "raise")
    for _ in range(5):
        event = default.event()
        assert event
        default.settle(event, handler(event, Context(seconds=1)))
    assert effects() == []
    default.drain(handler)
    assert effects() == ["late"] * 3


def test_an_async_job_is_stopped_at_its_max_runtime(queue: Make, handler: Any) -> None:
    default = queue()
    wait.enqueue(30)
    wait.enqueue(0.01)
    default.drain(handler)
    [letter] = sqs.SqsQueues().dead_letters()
    assert "its max_runtime (attempt 2 of 2" in letter.reason


def test_a_failed_message_keeps_its_group_waiting_on_a_fifo_queue(queue: Make, handler: Any) -> None:
    orders = queue(13, fifo=True)
    for name, group, fail in [("a1", "a", False), ("a2", "a", True), ("a3", "a", False), ("b1", "b", False)]:
        ordered.enqueue(name, fail, group=group)
    orders.drain(handler)
    done = effects()
    assert [name for name in done if name[0] == "a"] == ["a1", "a2", "a2", "a3"]
    assert "b1" in done
    assert [letter.job for letter in sqs.SqsQueues().dead_letters()] == ["sample_jobs.ordered"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ways=st.lists(st.sampled_from(["succeed", "raise", "exit", "unknown", "unreadable"]), min_size=1, max_size=10))
def test_in_any_batch_each_success_runs_once_and_each_failure_is_found_dead(
    queue: Make, handler: Any, ways: list[str]
) -> None:
    default = queue(4)
    with database.engine().begin() as connection:
        connection.execute(sample_jobs.effects.delete())
    for number, how in enumerate(ways):
        if how == "unreadable":
            default.put(f"{{{number}")
        elif how == "unknown":
            default.put(Message.new(job="gone", arguments={}).to_json())
        else:
            act.enqueue(str(number), how)
    default.drain(handler)
    expected = {str(number): 3 if how in {"raise", "exit"} else 1 for number, how in enumerate(ways) if how[0] != "u"}
    assert Counter(effects()) == expected
    assert len(sqs.SqsQueues().dead_letters()) == len(ways) - ways.count("succeed")
    assert waiting() == 0


def test_a_delay_is_kept_by_sqs_up_to_15_minutes_and_by_the_scheduler_beyond(
    queue: Make, calls: list[str], emulator: Emulator
) -> None:
    queue()
    emulator.schedules.clear()
    add.enqueue("soon", delay=minutes(15))
    add.enqueue("later", delay=minutes(15) + days(2), idempotency_key="k")

    assert calls == ["SendMessage", "CreateSchedule"]
    [made] = emulator.schedules.values()
    assert made["ScheduleExpression"].startswith("at(")
    assert made["ActionAfterCompletion"] == "DELETE"
    assert Message.from_json(made["Target"]["Input"]).idempotency_key == "k"


def test_what_is_too_large_fails_before_it_is_sent(queue: Make, calls: list[str]) -> None:
    queue()
    with pytest.raises(JobError, match="the limit for a message is 1,032,192"):
        add.enqueue("x" * 1_100_000)
    with pytest.raises(JobError, match="the limit for a delayed message is 262,144"):
        add.enqueue("x" * 300_000, delay=days(1))
    with pytest.raises(JobError, match="the limit for a job on Fargate is 6,144"):
        long.enqueue("x" * 7000)
    assert calls == []
    add.enqueue("x" * 1_000_000)


def test_dead_letters_can_be_redriven_or_deleted(queue: Make, handler: Any) -> None:
    default = queue()
    act.enqueue("a", "raise")
    act.enqueue("b", "raise")
    default.drain(handler)
    queues = sqs.SqsQueues()
    first, second = sorted(queues.dead_letters(), key=lambda letter: letter.body)
    queues.redrive(first)
    queues.delete_dead_letter(second)
    assert (len(queues.dead_letters()), waiting()) == (0, 1)
    default.drain(handler)
    assert len(effects()) == 9
    assert reasons() == {"ValueError": 1}


def test_a_tick_of_a_schedule_becomes_one_job(queue: Make, handler: Any) -> None:
    from kit.aws_lambda import jobs as lambda_jobs

    default = queue()
    tick = {"schedule": "kit-sweep", "time": "2026-01-01T00:00:00Z"}
    lambda_jobs.handler(tick, Context())
    default.put(json.dumps(tick))
    default.drain(handler)
    assert (waiting(), sqs.SqsQueues().dead_letters()) == (0, [])


def test_the_tick_of_a_schedule_that_this_version_does_not_have_is_ignored(
    queue: Make, caplog: pytest.LogCaptureFixture
) -> None:
    from kit.aws_lambda import jobs as lambda_jobs

    queue()
    lambda_jobs.handler({"schedule": "of-the-next-version", "time": "2026-01-01T00:00:00Z"}, Context())
    assert waiting() == 0
    assert "this version has no schedule of-the-next-version" in caplog.text


def test_before_the_first_version_is_live_ticks_are_ignored(queue: Make) -> None:
    """The infrastructure exists, but not the tables."""
    from kit.aws_lambda import jobs as lambda_jobs

    queue()
    tick = {"schedule": "kit-sweep", "time": "2026-01-01T00:00:00Z"}
    lambda_jobs.handler(tick, Context(version="$LATEST"))
    assert waiting() == 0
    lambda_jobs.handler(tick, Context(version="$LATEST", alias="$LATEST"))
    lambda_jobs.handler(tick, Context(version="1"))
    assert waiting() == 2


def test_a_tick_at_which_the_function_failed_can_be_retried(queue: Make, handler: Any) -> None:
    default, tick = queue(), {"schedule": "kit-sweep", "time": "2026-01-01T00:00:00Z"}
    record = {
        "version": "1.0",
        "timestamp": "2026-01-01T00:05:00.000Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:my-app-prod-jobs:live",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": tick,
        "responseContext": {"statusCode": 200, "executedVersion": "7", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "no connection", "stackTrace": ['call("job")']},
    }
    queues = sqs.SqsQueues()
    default.put(json.dumps(record), dead=True)
    [letter] = queues.dead_letters()
    assert (letter.job, letter.reason) == (
        "kit.jobs.maintenance.sweep",
        "the jobs function failed at this tick of a schedule; the reason is in its log",
    )
    queues.redrive(letter)
    assert (waiting(), queues.dead_letters()) == (1, [])
    default.drain(handler)
    assert (waiting(), queues.dead_letters()) == (0, [])


def test_an_unknown_event_is_rejected(queue: Make) -> None:
    from kit.aws_lambda import jobs as lambda_jobs

    queue()
    with pytest.raises(lambda_jobs.UnknownEvent, match="not an event with: rawPath, version"):
        lambda_jobs.handler({"version": "2.0", "rawPath": "/"}, Context())


def test_metrics_which_cost_are_off_by_default(queue: Make, handler: Any, capsys: pytest.CaptureFixture[str]) -> None:
    default = queue()
    add.enqueue("one")
    default.drain(handler)
    assert capsys.readouterr().out == ""


def test_metrics_are_one_line_of_json_each(
    queue: Make, handler: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    default = queue()
    use(monkeypatch, JOBS_METRICS="1")
    add.enqueue("one")
    default.drain(handler)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(line) - {"_aws", "JobName"} for line in lines] == [
        {"Queued"},
        {"Started", "Succeeded", "Duration", "QueueLatency"},
    ]
    [kinds] = lines[1]["_aws"]["CloudWatchMetrics"]
    assert kinds["Dimensions"] == [["JobName"]]
    assert {metric["Name"] for metric in kinds["Metrics"]} == {"Started", "Succeeded", "Duration", "QueueLatency"}


def test_the_kits_own_jobs_write_no_metrics_for_they_run_while_nobody_comes(
    queue: Make, handler: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kit.jobs import maintenance

    default = queue()
    use(monkeypatch, JOBS_METRICS="1")
    maintenance.sweep.enqueue()
    default.drain(handler)
    assert waiting() == 0
    assert capsys.readouterr().out == ""


def test_local_is_the_default_and_sqs_is_named(queue: Make) -> None:
    queue()
    assert isinstance(enqueue.configured_queues(), sqs.SqsQueues)
