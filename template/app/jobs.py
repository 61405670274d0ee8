"""The wall's work behind the scenes: a picture for each message, old messages cleared away, an export."""

import json
import sys
from datetime import timedelta

from sqlalchemy import select

from app import picture
from app.models import Message
from kit import clock
from kit.db import database
from kit.jobs import hours, job, minutes, schedule

KEPT = timedelta(days=90)
"""For so long a message stays on the wall."""
PAGE = 500
"""Messages that are read at once."""


@job(max_runtime=minutes(1))
def draw(message_id: int) -> None:
    """Draw the picture of a message."""
    with database.session() as session:
        if message := session.get(Message, message_id):
            message.picture = picture.draw(message.text)


@schedule("cron(0 3 * * ? *)")
@job
def prune() -> None:
    """Delete messages that are older than `KEPT`."""
    from kit.db import bulk  # here, because the web function imports this module too, and starts faster without it

    bulk.delete(Message, where=Message.posted_at < clock.now() - KEPT)


@job(max_runtime=hours(2))
def export() -> None:
    """Print the whole wall, a line of JSON a message: `python -m kit jobs run export > wall.jsonl`.

    It may take longer than a Lambda function can, so it runs on Fargate, and its lines are in the task's log.
    """
    last = 0
    while True:
        page = select(Message).where(Message.id > last).order_by(Message.id).limit(PAGE)
        with database.reading() as session:
            messages = session.scalars(page).all()
        for message in messages:
            line = {"id": message.id, "posted_at": message.posted_at.isoformat(), "text": message.text}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        if len(messages) < PAGE:
            return
        last = messages[-1].id
