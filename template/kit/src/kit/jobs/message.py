"""The message of a job: its name, its arguments, and how often it was tried."""

import json
import math
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from kit import clock

VERSION = 1
MAX_BYTES = 1024 * 1024 - 16 * 1024
"""SQS takes 1 MiB with the attributes; 16 KiB are left for the reason that a dead letter carries."""
MAX_KEY = 255
"""Characters of an idempotency key."""
MAX_GROUP = 128
"""Characters of a group, as SQS allows: ASCII letters, digits and punctuation."""
MAX_REASON = 8 * 1024
"""Bytes of the reason that is kept with a dead letter."""

_MAX_LENGTHS = {
    "job": 255,
    "id": 64,
    "queue": 80,
    "idempotency_key": MAX_KEY,
    "group": MAX_GROUP,
    "schedule": 64,
    "request_id": MAX_BYTES,
}
"""Characters; the database queue's columns and SQS's identifiers are no longer."""
_END_OF_TIME = 253402300800.0
"""The year 10000, in seconds since 1970; a `datetime` ends there."""
_MAX_ATTEMPTS_USED = 1_000_000


class Unreadable(ValueError):
    """The body is not a message of this kit."""


class Message(NamedTuple):
    """One job to run; create it with `Message.new`."""

    job: str
    arguments: dict[str, Any]
    id: str
    enqueued: float
    """Seconds since 1970."""
    queue: str = "default"
    idempotency_key: str | None = None
    group: str | None = None
    schedule: str | None = None
    request_id: str | None = None
    due: float | None = None
    """When it may run, in seconds since 1970, if that is later than `enqueued`."""
    attempts_used: int = 0
    """Attempts that were made before this copy was sent."""

    @classmethod
    def new(cls, job: str, arguments: dict[str, Any], **fields: Any) -> Self:
        """Create a message with an id of its own, enqueued now, unless `fields` say otherwise."""
        defaults: dict[str, Any] = {"id": secrets.token_hex(16)}
        if "enqueued" not in fields:
            defaults["enqueued"] = clock.now().timestamp()
        return cls(job, arguments, **defaults | fields)

    def to_json(self) -> str:
        """Its body in a queue."""
        body = {name: value for name, value in self._asdict().items() if value is not None}
        text = json.dumps({"v": VERSION} | body, ensure_ascii=False, separators=(",", ":"))
        if text.isascii():
            return text
        text = text.encode(errors="backslashreplace").decode()  # turns a lone surrogate into JSON's own escape for it
        return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")  # SQS rejects these two characters

    @classmethod
    def from_json(cls, body: str) -> Self:
        """Read a body; raises `Unreadable` if it is not a job's message."""
        fields = parse(body)
        if not isinstance(fields, dict) or not isinstance(fields.get("job"), str):
            raise Unreadable("it names no job")
        if fields.pop("v", None) != VERSION:
            raise Unreadable(f"it is not of version {VERSION}")
        create: Callable[..., Self] = cls if "id" in fields and "enqueued" in fields else cls.new
        try:
            message = create(**fields)
        except TypeError as error:
            raise Unreadable(str(error)) from None
        message._check()
        return message

    def _check(self) -> None:
        if not (
            type(self.arguments) is dict
            and _is_timestamp(self.enqueued)
            and (self.due is None or _is_timestamp(self.due))
            and type(self.attempts_used) is int
            and 0 <= self.attempts_used <= _MAX_ATTEMPTS_USED
            and type(self.job) is type(self.id) is type(self.queue) is str
            and self.id
        ):
            raise Unreadable("a field has the wrong type or is out of range")
        for name, most in _MAX_LENGTHS.items():
            text = getattr(self, name)
            if text is None:
                continue
            if type(text) is not str:
                raise Unreadable(f"its {name} is not a string")
            if len(text) > most:
                raise Unreadable(f"its {name} has {len(text)} characters; the limit is {most}")
            if not text.isascii() and not is_unicode(text):
                raise Unreadable(f"its {name} has a lone surrogate (half a character)")

    def retry(self, *, attempts_used: int) -> Self:
        """A copy to be sent instead of the message that was received; its attempts count on from `attempts_used`.

        It is due now, which also tells it from every other copy of the same message.
        """
        return self._replace(attempts_used=attempts_used, due=clock.now().timestamp())

    @property
    def ready(self) -> float:
        """When it could have run first, in seconds since 1970."""
        return max(self.enqueued, self.due or 0)


def describe(error: BaseException) -> str:
    """The type and text of an exception, as text that every queue can store."""
    return fit(f"{type(error).__name__}: {text_of(error)}")


def text_of(error: BaseException) -> str:
    """The text of an exception, even if its `__str__` raises, as text that every queue can store."""
    try:
        return fit(str(error))
    except BaseException as failure:  # noqa: BLE001 - the first error is the one to report
        return f"(the __str__ of {type(error).__name__} raised {type(failure).__name__})"


def parse(body: str) -> Any:
    """Read JSON from an untrusted source.

    Raises `Unreadable` for what is not JSON (NaN and Infinity are not), or is nested too deeply for Python.
    """
    try:
        return _parse(body)
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from None


def _reject_constant(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (math.inf, -math.inf):
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


_parse = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_finite).decode


def _is_timestamp(seconds: object) -> bool:
    return type(seconds) in (int, float) and 0 <= seconds < _END_OF_TIME  # type: ignore[operator]


def is_unicode(text: str) -> bool:
    """Whether a text can be stored and sent: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fit(text: str, max_bytes: int = MAX_REASON) -> str:
    """Make any text storable in a queue: only characters that SQS allows, at most so many bytes.

    A lone surrogate is kept as its escape sequence; any other character that SQS rejects becomes U+FFFD.
    Source: Amazon SQS Developer Guide, "Amazon SQS message quotas", message content.
    """
    escaped = text[:max_bytes].encode(errors="backslashreplace").decode()
    allowed = [character if _is_allowed(character) else "\ufffd" for character in escaped]
    return "".join(allowed).encode()[: max(max_bytes, 0)].decode(errors="ignore")


def _is_allowed(character: str) -> bool:
    return (
        " " <= character <= "\ud7ff"
        or character in "\t\n\r"
        or "\ue000" <= character <= "\ufffd"
        or character >= "\U00010000"
    )


class Delivery(NamedTuple):
    """A message as a queue delivered it, this once."""

    body: str
    receipt: str
    receive_count: int
    """How often it was delivered, this time included."""
    queue: str
    id: str = ""
    group: str | None = None


class DeadLetter(NamedTuple):
    """A message in a dead-letter queue."""

    id: str
    job: str
    reason: str
    body: str
    queue: str
    receipt: str
    died: datetime | None = None
    message_id: str = ""
    """Its id in the dead-letter queue: another each time that the same job fails for good."""
    group: str | None = None


def from_timestamp(timestamp: float) -> datetime:
    """Convert seconds since 1970 to a datetime in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=timestamp)
