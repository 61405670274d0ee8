"""What stands in a queue: which job, with what arguments, and how often it was tried."""

import json
import math
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
MAX_KEY = 255
"""Characters of an idempotency key."""
MAX_GROUP = 128
"""Characters of a group, as SQS allows: ASCII letters, digits and punctuation."""
MAX_REASON = 8 * 1024
"""Bytes of the reason that is kept with a dead letter."""

_LENGTHS = {
    "job": 255,
    "id": 64,
    "queue": 80,
    "key": MAX_KEY,
    "group": MAX_GROUP,
    "schedule": 64,
    "request_id": MAX_BYTES,
}
"""Characters at most; the local queue's columns and SQS's identifiers have no more room."""
_END_OF_TIME = 253402300800.0
"""The year 10000, in seconds since 1970; a `datetime` ends there."""
_MAX_SPENT = 1_000_000


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
        if text.isascii():
            return text
        text = text.encode(errors="backslashreplace").decode()  # a lone surrogate becomes JSON's own escape for it
        return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")  # SQS refuses these two as they stand

    @classmethod
    def from_json(cls, body: str) -> Self:
        """Read a body; raises `Unreadable` for what is not a job's."""
        read = parse(body)
        if not isinstance(read, dict) or not isinstance(read.get("job"), str):
            raise Unreadable("it names no job")
        if read.pop("v", None) != VERSION:
            raise Unreadable(f"it is not of version {VERSION}")
        make: Callable[..., Self] = cls if "id" in read and "enqueued" in read else cls.new
        try:
            message = make(**read)
        except TypeError as error:
            raise Unreadable(str(error)) from None
        message._check()
        return message

    def _check(self) -> None:
        if not (
            type(self.arguments) is dict
            and _is_moment(self.enqueued)
            and (self.due is None or _is_moment(self.due))
            and type(self.spent) is int
            and 0 <= self.spent <= _MAX_SPENT
            and type(self.job) is type(self.id) is type(self.queue) is str
            and self.id
        ):
            raise Unreadable("its fields are not of the kinds that they should be")
        for name, most in _LENGTHS.items():
            text = getattr(self, name)
            if text is None:
                continue
            if type(text) is not str:
                raise Unreadable(f"its fields are not of the kinds that they should be: {name} is not a text")
            if len(text) > most:
                raise Unreadable(f"its {name} has {len(text)} characters; {most} is the most")
            if not text.isascii() and not is_unicode(text):
                raise Unreadable(f"its {name} has half a character (a lone surrogate)")

    def again(self, *, spent: int) -> Self:
        """A copy that is sent instead of the one that was received, and counts its attempts from `spent`.

        It is due from now on, which also tells it from every other copy of the same message.
        """
        return self._replace(spent=spent, due=clock.now().timestamp())

    @property
    def ready(self) -> float:
        """When it could have run first, in seconds since 1970."""
        return max(self.enqueued, self.due or 0)


def text_of(error: BaseException) -> str:
    """What an exception says, also when its own `__str__` raises."""
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - the reason is that of the first error
        return f"{type(error).__name__}, whose __str__ raises {type(failure).__name__}"


def parse(body: str) -> Any:
    """Read JSON from anyone.

    Raises `Unreadable` for what is not JSON (NaN and Infinity are not), or too deeply nested for Python to read.
    """
    try:
        return _parse(body)
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from None


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (math.inf, -math.inf):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


_parse = json.JSONDecoder(parse_constant=_not_json, parse_float=_finite).decode


def _is_moment(seconds: object) -> bool:
    return type(seconds) in (int, float) and 0 <= seconds < _END_OF_TIME  # type: ignore[operator]


def is_unicode(text: str) -> bool:
    """Whether a text can be stored and sent: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fit(text: str, most: int = MAX_REASON) -> str:
    """Make any text one that a queue stores: the characters that SQS allows, at most so many bytes.

    A lone surrogate is kept as its escape sequence; any other character that SQS refuses becomes U+FFFD.
    Source: Amazon SQS Developer Guide, "Amazon SQS message quotas", message content.
    """
    escaped = text[:most].encode(errors="backslashreplace").decode()
    allowed = [character if _is_allowed(character) else "\ufffd" for character in escaped]
    return "".join(allowed).encode()[: max(most, 0)].decode(errors="ignore")


def _is_allowed(character: str) -> bool:
    return (
        " " <= character <= "\ud7ff"
        or character in "\t\n\r"
        or "\ue000" <= character <= "\ufffd"
        or character >= "\U00010000"
    )


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
        """Send a copy to the dead-letter queue with the reason; the caller then removes the delivery."""

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
    message_id: str = ""
    """What the dead-letter queue calls it; each letter has another, also when one job dies twice."""
    group: str | None = None


def moment(timestamp: float) -> datetime:
    """Seconds since 1970 as a moment in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=timestamp)
