"""What stands in a queue: which job, with what arguments, and how often it was tried."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, Self

from kit import clock

VERSION = 1
MAX_BYTES = 1024 * 1024 - 16 * 1024
"""SQS takes 1 MiB with the attributes; 16 KiB are left for the reason that a dead letter carries."""
TICK_TIME = "<aws.scheduler.scheduled-time>"
"""What AWS's Scheduler replaces, in the input of a schedule, by the time that it was due."""

_NUMBER = (int, float)
_TEXT_OR_NONE = {str, type(None)}


class Unreadable(ValueError):
    """A message is none of ours."""


class Message(NamedTuple):
    """One job to run; `Message.new` makes one."""

    job: str
    arguments: dict[str, Any]
    id: str
    enqueued: float
    """Seconds since 1970."""
    queue: str = "default"
    key: str | None = None
    group: str | None = None
    schedule: str | None = None
    request_id: str | None = None
    due: float | None = None
    """When it may run, in seconds since 1970, if that is later than `enqueued`."""
    spent: int = 0
    """Attempts that were made before this copy was sent."""

    @classmethod
    def new(cls, job: str, arguments: dict[str, Any], **others: Any) -> Self:
        """Make one that has an id of its own and is enqueued now, unless `others` say otherwise."""
        unsaid: dict[str, Any] = {"id": secrets.token_hex(16), "enqueued": clock.now().timestamp()}
        return cls(job, arguments, **unsaid | others)

    def to_json(self) -> str:
        """Its body in a queue."""
        body = {name: value for name, value in self._asdict().items() if value is not None}
        text = json.dumps({"v": VERSION} | body, ensure_ascii=False, separators=(",", ":"))
        return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")  # SQS refuses these two as they stand

    @classmethod
    def from_json(cls, body: str) -> Self:
        """Read a body; raises `Unreadable` for what is not a job's."""
        try:
            read = json.loads(body)
        except ValueError as error:
            raise Unreadable(f"it is not JSON: {error}") from None
        if not isinstance(read, dict) or not isinstance(read.get("job"), str):
            raise Unreadable("it names no job")
        if read.pop("v", None) != VERSION:
            raise Unreadable(f"it is not of version {VERSION}")
        make: Callable[..., Self] = cls if "id" in read and "enqueued" in read else cls.new
        try:
            made = make(**read)
        except TypeError as error:
            raise Unreadable(str(error)) from None
        made._check()
        return made

    def _check(self) -> None:
        if not (
            type(self.arguments) is dict
            and type(self.id) is type(self.queue) is str
            and {type(self.key), type(self.group), type(self.schedule), type(self.request_id)} <= _TEXT_OR_NONE
            and type(self.enqueued) in _NUMBER
            and (self.due is None or type(self.due) in _NUMBER)
            and type(self.spent) is int
            and self.id
            and self.spent >= 0
        ):
            raise Unreadable("its fields are not of the kinds that they should be")

    def again(self, *, spent: int) -> Self:
        """A copy that is sent instead of the one that was received, and counts its attempts from `spent`."""
        return self._replace(spent=spent)

    @property
    def ready(self) -> float:
        """When it could have run first, in seconds since 1970."""
        return max(self.enqueued, self.due or 0)


class Delivery(NamedTuple):
    """A message as one queue gave it out, this once."""

    body: str
    receipt: str
    receives: int
    """How often it was given out, this time included."""
    queue: str
    id: str = ""
    group: str | None = None


class Queues(Protocol):
    """Where messages stand: the app's own database, or SQS."""

    def send(self, messages: list[Message], delay: float = 0) -> None:
        """Put them in; they are given out after `delay` seconds."""

    def remove(self, delivery: Delivery) -> None:
        """Take it out for good."""

    def postpone(self, delivery: Delivery, seconds: float) -> None:
        """Give it out again after so many seconds."""

    def bury(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        """Put a copy into the dead-letter queue with the reason; the caller then removes the delivery."""

    def most_receives(self, queue: str) -> int | None:
        """After how many deliveries the queue itself gives a message up, if it does."""


class DeadLetter(NamedTuple):
    """A message that was given up."""

    id: str
    job: str
    reason: str
    body: str
    queue: str
    receipt: str
    died: datetime | None = None


def moment(timestamp: float) -> datetime:
    """Seconds since 1970 as a moment in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=timestamp)
