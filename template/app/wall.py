"""The wall: what may be posted, and which messages a page shows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, select

from app import jobs
from app.models import MAX_TEXT, Message
from kit.db import database

PAGE = 20
"""Messages on one page."""

COLUMNS = (Message.id, Message.text, Message.posted_at, Message.picture)
"""What a page shows of a message, in the order in which `messages.html` takes it."""

NEWEST_FIRST = select(*COLUMNS).order_by(Message.id.desc()).limit(PAGE + 1)
"""One more than a page shows, to tell whether there is another page."""


class Unpostable(ValueError):
    """A message that the wall does not take; the sentence is for its writer."""


def post(text: str) -> None:
    """Put a message on the wall; raises `Unpostable` when it is empty or too long."""
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not text:
        raise Unpostable("The message is empty. Write something first.")
    if len(text) > MAX_TEXT:
        raise Unpostable(f"The message has {len(text):,} characters; {MAX_TEXT} is the most it can have.")
    with database.session() as session:
        session.add(message := Message(text=text))
        session.flush()
        jobs.draw.enqueue(message.id)  # sent once the message is committed


def page(before: int | None = None) -> tuple[Sequence[Row[int, str, datetime, str | None]], int | None]:
    """Give one page, newest first, of the messages older than `before`, and where the next page begins, if any."""
    messages = database.rows(NEWEST_FIRST if before is None else NEWEST_FIRST.where(Message.id < before))
    more = len(messages) > PAGE
    return messages[:PAGE], messages[PAGE - 1].id if more else None
