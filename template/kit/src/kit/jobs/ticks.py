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
    """Read a message, the tick of a schedule, or Lambda's record of a tick; raises `Unreadable` for anything else.

    Lambda sends such a record to the dead-letter queue when the jobs function failed at a tick, and so did the retries.
    Source: AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations".
    """
    if '"schedule"' not in body or ('"job"' in body and '"requestPayload"' not in body):
        return Message.from_json(body)
    tick = parse(body)
    if isinstance(tick, dict) and isinstance(tick.get("job"), str):
        return Message.from_json(body)
    try:
        tick = tick.get("requestPayload", tick)
        return due(tick["schedule"], tick["time"])
    except (AttributeError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise Unreadable(f"it is not the tick of a schedule: {error}") from None


def _parse_time(time: str) -> datetime:
    moment = datetime.fromisoformat(time)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
