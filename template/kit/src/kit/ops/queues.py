"""The SQS queues of a stage: what they hold, and which of them the next deployment must not delete.

A queue whose last job is gone from the code, or moved to another queue, may still hold jobs, the live version may still
send to it until traffic is shifted, and a rollback needs it again. So the infrastructure keeps it, with its trigger,
until somebody names it: `make deploy DROP_QUEUE=orders`.
"""

import json
from dataclasses import dataclass
from typing import Any

from kit.errors import UsageError
from kit.ops import retry
from kit.ops.aws_account import Account
from kit.ops.stage import PROJECT, Stage


@dataclass(frozen=True)
class Queue:
    """A queue of a stage with its dead-letter queue, by their URLs."""

    name: str
    url: str
    dead_letters: str


@dataclass(frozen=True)
class Counts:
    """Approximate numbers of messages in a queue and in its dead-letter queue."""

    waiting: int
    running: int
    delayed: int
    dead: int

    def __str__(self) -> str:
        parts = [f"{number} {state}" for state, number in vars(self).items() if number]
        return ", ".join(parts) or "empty"


@dataclass(frozen=True)
class Undeclared:
    """Queues of a stage that `jobs.json` no longer has."""

    kept: dict[str, Counts]
    """Queues that stay."""
    dropped: dict[str, Counts]
    """Queues that are deleted once the new version is live."""

    @property
    def names(self) -> list[str]:
        """All of them."""
        return sorted(self.kept | self.dropped)

    def describe(self) -> str:
        """Lines for a person who is about to deploy; empty if there is no such queue."""
        lines = [
            f"{name} is kept, though no job is declared for it ({counts}); DROP_QUEUE={name} deletes it"
            for name, counts in self.kept.items()
        ]
        lines += [f"{name} is DELETED once the new version is live ({counts})" for name, counts in self.dropped.items()]
        return ("\n" + " " * 18).join(lines)


def of(variables: dict[str, str]) -> list[Queue]:
    """The queues in the environment variables of a function."""
    queues, dead = (_pairs(variables[name]) for name in ("JOBS_QUEUES", "JOBS_DEAD_LETTER_QUEUES"))
    return [Queue(name, url, dead[name]) for name, url in queues.items()]


def count(client: Any, queue: Queue) -> Counts:
    """Count what a queue holds, with an SQS client."""
    waiting, running, delayed = _counts(client, queue.url)
    return Counts(waiting, running, delayed, dead=sum(_counts(client, queue.dead_letters)))


def deployed(account: Account, stage: Stage, *, version: str = "$LATEST") -> list[Queue]:
    """The queues that a version of the jobs function knows; none if the function does not exist."""
    functions = account.session.client("lambda", config=retry.RETRY)
    try:
        found = functions.get_function_configuration(FunctionName=f"{stage.resource_prefix}-jobs", Qualifier=version)
    except functions.exceptions.ResourceNotFoundException:
        return []
    return of(found["Environment"]["Variables"])


def undeclared(account: Account, stage: Stage, drop: str = "") -> Undeclared:
    """Find the deployed queues that `jobs.json` no longer has.

    drop: the queue to delete, or nothing.

    Raises `UsageError` if that queue is still declared, or does not exist, and if the name of a queue that is kept is
    that of a new one but for `.fifo`, since both would have the same names in AWS.
    """
    declared = [
        str(queue["name"]) for queue in json.loads((PROJECT / "jobs.json").read_text(encoding="utf-8"))["queues"]
    ]
    existing = {queue.name: queue for queue in deployed(account, stage)}
    names = existing.keys() - set(declared)
    if drop in declared:
        raise UsageError(f"Can't drop the queue {drop}: jobs.json declares it. Move or remove its jobs first.")
    if drop and drop not in names:
        raise UsageError(
            f"There is no queue {drop} to drop. Not declared any more: {', '.join(sorted(names)) or 'none'}"
        )
    for name in sorted(names):
        if name.removesuffix(".fifo") in {other.removesuffix(".fifo") for other in declared}:
            raise UsageError(
                f"{name} still exists, and a queue that differs from it by .fifo alone can't stand beside it. "
                "Declare the new queue by another name."
            )
    client = account.session.client("sqs", config=retry.RETRY)
    counts = {name: count(client, existing[name]) for name in sorted(names)}
    return Undeclared(
        kept={name: held for name, held in counts.items() if name != drop},
        dropped={name: held for name, held in counts.items() if name == drop},
    )


def missing(account: Account, stage: Stage, version: str) -> list[str]:
    """The names of the queues that a version of the jobs function needs and that do not exist."""
    client = account.session.client("sqs", config=retry.RETRY)
    names = []
    for queue in deployed(account, stage, version=version):
        try:
            client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])
        except client.exceptions.QueueDoesNotExist:
            names.append(queue.name)
    return names


def _counts(client: Any, url: str) -> list[int]:
    """How many messages are waiting, being processed, and delayed."""
    names = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [int(attributes[name]) for name in names]


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(","))
