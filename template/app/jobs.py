"""The wall's jobs: draw a picture for each message, delete old messages, export them all."""

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
"""How long a message stays on the wall."""
PAGE = 500
"""Messages that the export reads at once."""


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
    """Print the whole wall, one JSON line per message: `./uvw run python -m kit jobs run export > wall.jsonl`.

    It may take longer than a Lambda function can, so it runs on Fargate, where its output is in the task's log.
    """
    last = 0
    while True:
        page = select(Message.id, Message.posted_at, Message.text).where(Message.id > last)
        messages = database.rows(page.order_by(Message.id).limit(PAGE))
        for message_id, posted_at, text in messages:
            line = {"id": message_id, "posted_at": posted_at.isoformat(), "text": text}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        if len(messages) < PAGE:
            return
        last = messages[-1].id
