"""`jobs.json`: the jobs, queues, schedules and events, from which the infrastructure is built.

The file is committed, and a test keeps it equal to what the code declares.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from kit import settings
from kit.errors import UsageError
from kit.jobs import discovery, incoming, loading
from kit.jobs.queues import sqs_format
from kit.jobs.spec import JobSpec, Rule, Stream, Topic

__all__ = ["is_current"]

FILE = "jobs.json"


def build() -> dict[str, Any]:
    """Everything that is declared, sorted by name; durations are in seconds.

    Raises `UsageError` that names each job of the app that no worker would find, and names that the infrastructure can't
    have.
    """
    declared = loading.load()
    if problems := discovery.unfindable(declared):
        raise UsageError("\n".join(problems))
    jobs = sorted(declared.values(), key=lambda job: job.name)
    schedules = sorted((schedule for job in jobs for schedule in job.schedules), key=lambda schedule: schedule.name)
    queues = sorted({"default", *(job.options.queue for job in jobs)})
    _require_distinct_ids("queues", queues)
    _require_distinct_ids("schedules", [schedule.name for schedule in schedules])
    return {
        "version": 1,
        "queues": [{"name": name, "fifo": name.endswith(".fifo"), "batch_size": _batch_size(name)} for name in queues],
        "jobs": [
            {
                "name": job.name,
                "queue": job.options.queue,
                "runs_on": runs_on(job),
                "attempts": job.options.attempts,
                "max_runtime": math.ceil(job.options.max_runtime),
            }
            for job in jobs
        ],
        "schedules": [
            {
                "name": schedule.name,
                "job": schedule.job.name,
                "queue": schedule.job.options.queue,
                "runs_on": runs_on(schedule.job),
                "expression": schedule.expression,
                "timezone": schedule.timezone,
                "overlap": schedule.overlap,
                "input": schedule.input,
            }
            for schedule in schedules
        ],
    } | ({"events": events} if (events := _events(jobs)) else {})


def _require_distinct_ids(kind: str, names: list[str]) -> None:
    """Ids in templates are alphanumeric, so that of `mail-2` is that of `mail2`.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html
    """
    taken: dict[str, str] = {}
    for name in names:
        id = "".join(word[:1].upper() + word[1:] for word in re.split("[-.]", name.removesuffix(".fifo")))
        if (other := taken.setdefault(id, name)) != name:
            raise UsageError(
                f"The {kind} {other} and {name} would be the same in the infrastructure. Rename one of them."
            )


def _events(jobs: list[JobSpec]) -> list[dict[str, Any]]:
    """The rules, subscriptions and streams that start jobs; a stream once for all of its jobs."""
    events: list[dict[str, Any]] = []
    streams: dict[str, dict[str, Any]] = {}
    for job in jobs:
        where = {"job": job.name, "queue": job.options.queue, "runs_on": runs_on(job)}
        for source in job.sources:
            match source:
                case Rule():
                    if job.options.queue.endswith(".fifo") and sqs_format.group_id(job.name) != job.name:
                        raise UsageError(
                            f"{job.name}: events start it on a FIFO queue, where its name is the message group: at most 128 "
                            "ASCII characters. Rename the function or its module."
                        )
                    target = incoming.input_template(job.name, once=source.once, only_detail=source.only_detail)
                    rule = {"bus": source.bus, "pattern": source.pattern, "input": target}
                    events.append({"kind": "rule", "name": source.name} | where | rule)
                case Topic():
                    events.append({"kind": "topic", "name": source.name} | where | {"topic": source.topic})
                case Stream():
                    stream = streams.setdefault(source.table, {"kind": "stream", "name": _stream_name(source.table)})
                    stream |= {"table": source.table, "jobs": [*stream.get("jobs", []), job.name]}
                    stream["changes"] = sorted({*stream.get("changes", []), *source.changes})
    return sorted([*events, *streams.values()], key=lambda event: (event["kind"], event["name"]))


def _stream_name(table: str) -> str:
    """A name that can be part of an identifier, for the ARN of a stream too."""
    return f"arn{sqs_format.digest(table)[:8]}" if table.startswith("arn:") else table


def _batch_size(queue: str) -> int:
    """Messages in one batch for Lambda: one where order counts, because each delivery of the batch is an attempt."""
    return 1 if queue.endswith(".fifo") else 10


def runs_on(job: JobSpec) -> str:
    """Where a job runs in the cloud."""
    return "fargate" if job.on_fargate else "lambda"


def text() -> str:
    """The file's text."""
    return json.dumps(build(), indent=2) + "\n"


def path() -> Path:
    """Where the file is."""
    return settings.PROJECT / FILE


def is_current() -> bool:
    """Whether the file matches what the code declares."""
    return path().is_file() and path().read_text(encoding="utf-8") == text()
