"""The message of a schedule's tick: EventBridge Scheduler sends the schedule's name and the scheduled time."""

import hashlib
from datetime import UTC, datetime

from kit.jobs import registry
from kit.jobs.message import Message, Unreadable, parse


def due(name: str, time: str) -> Message:
    """The message for one tick of a schedule; a tick that is delivered twice has the same id.

    Raises `KeyError` for an unknown schedule, `ValueError` for a time that is not ISO 8601.
    """
    job = registry.schedules[name].job
    return Message(
        id=hashlib.sha256(f"{name} {time}".encode()).hexdigest()[:32],
        job=job.name,
        arguments={},
        queue=job.options.queue,
        schedule=name,
        enqueued=_parse_time(time).timestamp(),
    )


def read(body: str) -> Message:
    """Read a message, or the tick of a schedule; raises `Unreadable` for anything else."""
    if '"schedule"' not in body or '"job"' in body:
        return Message.from_json(body)
    tick = parse(body)
    try:
        return due(tick["schedule"], tick["time"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise Unreadable(f"it is not the tick of a schedule: {error}") from None


def _parse_time(time: str) -> datetime:
    moment = datetime.fromisoformat(time)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
