"""The wall: posting messages, and reading a page of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, select

from app import jobs
from app.models import MAX_TEXT, Message
from kit.db import database

PAGE = 20
"""Messages per page."""

COLUMNS = (Message.id, Message.text, Message.posted_at, Message.picture)
"""What a page shows of a message, in the order in which `messages.html` unpacks it."""

NEWEST_FIRST = select(*COLUMNS).order_by(Message.id.desc()).limit(PAGE + 1)
"""One more than a page shows, to know whether there is another page."""


class Unpostable(ValueError):
    """A message that can't be posted; the text is shown to its author."""


def post(text: str) -> int:
    """Post a message, enqueue the job that draws its picture, and return its id.

    Raises `Unpostable` if the text is empty or too long.
    """
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not text:
        raise Unpostable("The message is empty. Write something first.")
    if len(text) > MAX_TEXT:
        raise Unpostable(f"The message has {len(text):,} characters; the limit is {MAX_TEXT}.")
    with database.session() as session:
        session.add(message := Message(text=text))
        session.flush()
        jobs.draw.enqueue(message.id)  # sent once the message is committed
        return message.id


def page(before: int | None = None) -> tuple[Sequence[Row[int, str, datetime, str | None]], int | None]:
    """Return a page of messages, newest first, and the `before` of the next page, if there is one.

    before: only messages with smaller ids.
    """
    messages = database.rows(NEWEST_FIRST if before is None else NEWEST_FIRST.where(Message.id < before))
    more = len(messages) > PAGE
    return messages[:PAGE], messages[PAGE - 1].id if more else None
