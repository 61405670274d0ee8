"""The queues of a stage that `jobs.json` no longer has: kept, dropped by name, and needed by a rollback."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import moto_stage
import pytest

from kit.errors import UsageError
from kit.ops import queues
from kit.ops.aws_account import Account
from kit.ops.queues import Counts, Undeclared
from kit.ops.stage import Stage

STAGE = Stage("my-app", "prod")
EMPTY = Counts(0, 0, 0, 0)


class Deployed:
    """A stage with the queues `default`, `orders` and `audit.fifo`, deployed as version 1."""

    def __init__(self, session: boto3.Session, manifest: Path) -> None:
        self.account = Account("123456789012", "arn:aws:iam::123456789012:user/me", moto_stage.REGION, session)
        self.sqs, self.manifest = session.client("sqs"), manifest
        self.urls = {name: self._create(name) for name in ("orders", "audit.fifo")}
        functions = session.client("lambda")
        variables = functions.get_function_configuration(FunctionName=f"{moto_stage.PREFIX}-jobs")["Environment"][
            "Variables"
        ]
        for position, name in enumerate(("JOBS_QUEUES", "JOBS_DEAD_LETTER_QUEUES")):
            variables[name] += "".join(f",{queue}={urls[position]}" for queue, urls in self.urls.items())
        functions.update_function_configuration(
            FunctionName=f"{moto_stage.PREFIX}-jobs", Environment={"Variables": variables}
        )
        self.version = functions.publish_version(FunctionName=f"{moto_stage.PREFIX}-jobs")["Version"]
        self.declare("default", "orders", "audit.fifo")

    def declare(self, *names: str) -> None:
        """Write a jobs.json with these queues."""
        self.manifest.write_text(json.dumps({"queues": [{"name": name} for name in names]}), encoding="utf-8")

    def undeclared(self, drop: str = "") -> Undeclared:
        return queues.undeclared(self.account, STAGE, drop)

    def send(self, queue: str, *, dead: bool = False, delay: int = 0) -> None:
        self.sqs.send_message(QueueUrl=self.urls[queue][dead], MessageBody="{}", DelaySeconds=delay)

    def _create(self, name: str) -> tuple[str, str]:
        title, suffix = name.removesuffix(".fifo"), ".fifo" * name.endswith(".fifo")
        attributes = {"FifoQueue": "true"} if suffix else {}
        names = [f"{moto_stage.PREFIX}-{title}{suffix}", f"{moto_stage.PREFIX}-{title}-dead{suffix}"]
        url, dead = [self.sqs.create_queue(QueueName=each, Attributes=attributes)["QueueUrl"] for each in names]
        return url, dead


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployed]:
    monkeypatch.setattr(queues, "PROJECT", tmp_path)
    with moto_stage.running(monkeypatch) as session:
        yield Deployed(session, tmp_path / "jobs.json")


def test_declared_queues_are_the_infrastructures(deployed: Deployed) -> None:
    assert deployed.undeclared() == Undeclared({}, {})
    assert deployed.undeclared().describe() == ""


def test_a_queue_without_jobs_is_kept_and_shown_with_what_it_holds(deployed: Deployed) -> None:
    deployed.declare("default")
    deployed.send("orders")
    deployed.send("orders", delay=600)
    deployed.send("orders", dead=True)
    undeclared = deployed.undeclared()
    assert undeclared == Undeclared({"audit.fifo": EMPTY, "orders": Counts(1, 0, 1, 1)}, {})
    assert undeclared.names == ["audit.fifo", "orders"]
    assert undeclared.describe().split("\n" + " " * 18) == [
        "audit.fifo is kept, though no job is declared for it (empty); DROP_QUEUE=audit.fifo deletes it",
        "orders is kept, though no job is declared for it (1 waiting, 1 delayed, 1 dead); DROP_QUEUE=orders deletes it",
    ]


def test_a_queue_is_dropped_by_its_name_alone(deployed: Deployed) -> None:
    deployed.declare("default")
    undeclared = deployed.undeclared("orders")
    assert undeclared == Undeclared({"audit.fifo": EMPTY}, {"orders": EMPTY})
    assert "orders is DELETED once the new version is live (empty)" in undeclared.describe()


def test_a_declared_queue_cannot_be_dropped(deployed: Deployed) -> None:
    with pytest.raises(UsageError, match=r"Can't drop the queue orders: jobs\.json declares it"):
        deployed.undeclared("orders")


def test_a_misspelt_queue_to_drop_is_reported_with_those_that_exist(deployed: Deployed) -> None:
    deployed.declare("default", "audit.fifo")
    with pytest.raises(UsageError, match=r"no queue order to drop\. Not declared any more: orders"):
        deployed.undeclared("order")


def test_a_queue_cannot_become_a_fifo_queue_of_the_same_name(deployed: Deployed) -> None:
    deployed.declare("default", "orders.fifo", "audit.fifo")
    with pytest.raises(UsageError, match=r"orders still exists, .* Declare the new queue by another name"):
        deployed.undeclared()


def test_before_the_first_deployment_there_are_none(deployed: Deployed) -> None:
    assert queues.undeclared(deployed.account, Stage("my-app", "new")) == Undeclared({}, {})


def test_a_version_whose_queue_is_gone_misses_it(deployed: Deployed) -> None:
    assert queues.missing(deployed.account, STAGE, deployed.version) == []
    deployed.sqs.delete_queue(QueueUrl=deployed.urls["orders"][0])
    assert queues.missing(deployed.account, STAGE, deployed.version) == ["orders"]
    assert queues.missing(deployed.account, STAGE, "1") == []
