"""Jobs too long for Lambda: one task for each delivery, and the same rules as for all others."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from sample_jobs import long
from sqlalchemy import text
from stage import WIRED, Context, Queue, effects, use

from kit import aws, settings
from kit.db import database
from kit.jobs import hours, loading, registry, spec
from kit.jobs.message import Message
from kit.jobs.queues import sqs, sqs_format
from kit.jobs.runners import aws_lambda, fargate
from rendering import TEMPLATE

Make = Callable[..., Queue]


@pytest.fixture
def cluster(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """ECS with a cluster and a task definition."""
    use(monkeypatch, **WIRED)
    ecs = boto3.client("ecs", endpoint_url=server, region_name="eu-central-1")
    ecs.create_cluster(clusterName="app")
    ec2 = boto3.client("ec2", endpoint_url=server, region_name="eu-central-1")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]]
    monkeypatch.setitem(WIRED, "JOBS_SUBNETS", ",".join(subnets))
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    monkeypatch.setitem(WIRED, "JOBS_SECURITY_GROUPS", group)
    ecs.register_task_definition(
        family="app",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {"name": fargate.CONTAINER, "image": "app", "entryPoint": ["env"], "cpu": 256, "memory": 512}
        ],
    )
    return ecs


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What ECS is asked to run."""
    seen: list[dict[str, Any]] = []
    call = aws.call

    def spy(service: str, operation: str, payload: dict[str, Any], **named: Any) -> dict[str, Any]:
        if operation == "RunTask":
            seen.append(payload)
        return call(service, operation, payload, **named)

    monkeypatch.setattr(aws, "call", spy)
    return seen


def work(default: Queue) -> None:
    event = default.event()
    assert event
    default.settle(event, aws_lambda.run(event, Context().get_remaining_time_in_millis))


def run_task(payload: dict[str, Any]) -> int:
    """Be Fargate: run what a task was asked for, in a process of its own, as the container would."""
    [override] = payload["overrides"]["containerOverrides"]
    environ = {one["name"]: one["value"] for one in override["environment"]}
    paths = os.pathsep.join([str(TEMPLATE), str(Path(__file__).parent)])
    code = "import sys; from kit import references; references.JOBS = 'sample_jobs'; from kit.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *override["command"][3:]]
    return subprocess.run(command, env=os.environ | environ | {"PYTHONPATH": paths}, check=False).returncode


def test_a_long_job_is_run_by_a_task_and_then_gone(cluster: Any, queue: Make, asked: list[dict[str, Any]]) -> None:
    default = queue()
    loading.load()
    long.enqueue("export")
    work(default)
    [payload] = asked
    assert payload["overrides"]["containerOverrides"][0]["command"] == ["python", "-m", "kit", "jobs", "task"]
    assert payload["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == WIRED["JOBS_SUBNETS"].split(",")
    assert len(json.dumps(payload["overrides"])) < sqs_format.MAX_OVERRIDES
    assert len(cluster.list_tasks(cluster="app")["taskArns"]) >= 1
    assert default.event() is None, "the message must stay hidden while the task runs"
    assert run_task(payload) == 0
    assert (effects(), sqs.SqsQueues().count()["default"]) == (["export"], 0)


def test_a_long_job_that_fails_is_retried_and_then_dead_lettered(
    cluster: Any, queue: Make, asked: list[dict[str, Any]]
) -> None:
    default = queue()
    loading.load()
    long.enqueue("export", True)
    work(default)
    assert run_task(asked[0]) == 1
    work(default)
    assert asked[0]["clientToken"] != asked[1]["clientToken"]
    assert run_task(asked[1]) == 1
    [letter] = sqs.SqsQueues().dead_letters()
    assert letter.reason == "ValueError: long failed (attempt 2 of 2, the last)"
    assert sqs.SqsQueues().count()["default"] == 0


def test_a_task_that_cannot_be_started_is_a_failed_attempt(queue: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    default = queue()
    loading.load()
    monkeypatch.setenv("JOBS_CLUSTER", "gone")
    settings.current.cache_clear()
    long.enqueue("export")
    default.drain(lambda event, context: aws_lambda.run(event, context.get_remaining_time_in_millis))
    [letter] = sqs.SqsQueues().dead_letters()
    assert letter.reason.startswith("its task could not be started: RunTask was refused: ClusterNotFound")


def test_a_delivery_that_is_handled_twice_starts_one_task(
    cluster: Any, queue: Make, caplog: pytest.LogCaptureFixture
) -> None:
    default = queue()
    loading.load()
    long.enqueue("export")
    event = default.event()
    assert event
    before = set(cluster.list_tasks(cluster="app")["taskArns"])
    for subnets in ("", "", ",subnet-9"):  # the last with settings that have changed: ECS answers with a conflict
        with pytest.MonkeyPatch.context() as patch:
            use(patch, JOBS_SUBNETS=WIRED["JOBS_SUBNETS"] + subnets)
            answer = aws_lambda.run(event, Context().get_remaining_time_in_millis)
            assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == [event["Records"][0]["messageId"]]
            assert default.event() is None, "the message must stay hidden while its task runs"
    assert len(set(cluster.list_tasks(cluster="app")["taskArns"]) - before) == 1
    assert len([record for record in caplog.records if "already has its task" in record.getMessage()]) == 1
    assert sqs.SqsQueues().dead_letters() == []


def test_a_dead_job_that_is_redriven_gets_a_task_of_its_own(
    cluster: Any, queue: Make, asked: list[dict[str, Any]]
) -> None:
    default = queue()
    loading.load()
    long.enqueue("export")
    for number in range(1, 4):
        work(default)
        assert len({payload["clientToken"] for payload in asked}) == number
        [override] = asked[-1]["overrides"]["containerOverrides"]
        delivery = fargate.read_delivery(override["environment"][0]["value"])
        sqs.SqsQueues().dead_letter(delivery, "it failed", Message.from_json(delivery.body))
        sqs.SqsQueues().delete(delivery)
        with sqs.SqsQueues().receive_dead_letters() as [letter]:
            sqs.SqsQueues().redrive(letter)
    assert sqs.SqsQueues().dead_letters() == []


def test_a_copy_that_waits_for_another_run_gets_a_task_of_its_own(
    cluster: Any, queue: Make, asked: list[dict[str, Any]]
) -> None:
    """With overlap="queue" a run that waits is sent again, and no attempt is counted."""
    default = queue()
    loading.load()
    long.enqueue("export")
    for _ in range(3):
        event = default.event()
        assert event
        [delivery] = sqs.deliveries(event)
        fargate.start(long, Message.from_json(delivery.body), delivery, sqs.SqsQueues())
        sqs.SqsQueues().send([Message.from_json(delivery.body).retry(attempts_used=0)])
        sqs.SqsQueues().delete(delivery)
    assert len({payload["clientToken"] for payload in asked}) == 3


def test_the_same_delivery_asks_for_the_same_task(cluster: Any, queue: Make) -> None:
    default = queue()
    long.enqueue("export")
    event = default.event()
    assert event
    [delivery] = sqs.deliveries(event)
    message = Message.from_json(delivery.body)
    assert fargate.request(message, delivery) == fargate.request(message, delivery)


def test_the_message_is_kept_hidden_while_the_task_runs(queue: Make) -> None:
    default = queue()
    long.enqueue("export")
    event = default.event()
    assert event
    [delivery] = sqs.deliveries(event)
    seen: list[float] = []

    class Noting(sqs.SqsQueues):
        def change_visibility(self, _: Any, seconds: float) -> None:
            seen.append(seconds)
            over.set()

    import threading

    over = threading.Event()
    with fargate.kept_hidden(delivery, Noting(), 0.01):
        assert over.wait(5)
    assert seen[0] == 0.05


def test_the_longest_job_fits_into_the_time_that_sqs_hides_a_message() -> None:
    assert spec.MAX_RUNTIME + fargate.START < sqs.MAX_HIDDEN
    assert hours(11).total_seconds() == spec.MAX_RUNTIME
    database.engine.cache_clear()


def test_the_task_is_the_image_with_another_command(
    cluster: Any, queue: Make, asked: list[dict[str, Any]], image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ECS was asked for is run as a container of the app's image; the long job prints the wall."""
    import containers
    from kit import references
    from kit.db import migrations

    default = queue()
    monkeypatch.setattr(references, "JOBS", "app.jobs")
    monkeypatch.delitem(
        sys.modules, "app.jobs", raising=False
    )  # another test may have imported it for its own registry
    loading.load()
    folder = tmp_path / "database"
    folder.mkdir(mode=0o777)
    use(monkeypatch, DATABASE_URL=f"sqlite:///{folder / 'wall.db'}")
    migrations.upgrade()
    with database.engine().begin() as connection:
        connection.execute(text("INSERT INTO messages (text, posted_at) VALUES ('hello', '2026-01-01 00:00:00')"))
    database.engine().dispose()
    folder.chmod(0o777)
    for file in folder.iterdir():
        file.chmod(0o666)
    registry.jobs["app.jobs.export"].enqueue()
    work(default)
    [override] = asked[0]["overrides"]["containerOverrides"]
    names = ("JOBS", "JOBS_QUEUES", "JOBS_DEAD_LETTER_QUEUES", *(name for name in WIRED if name.startswith("AWS")))
    environ = {name: os.environ[name] for name in (*names, "AWS_ENDPOINT_URL")}
    environ |= {one["name"]: one["value"] for one in override["environment"]}
    environ["DATABASE_URL"] = "sqlite:////database/wall.db"
    options = [option for name, value in environ.items() for option in ("--env", f"{name}={value}")]
    options += ["--network", "host", "--volume", f"{folder}:/database", "--entrypoint", "env"]
    printed = containers.run(image, override["command"], options=options)
    assert '"text": "hello"' in printed
    assert sqs.SqsQueues().count()["default"] == 0
