"""The tables."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kit import clock
from kit.db.types import BY_ANNOTATION, BigKey

MAX_TEXT = 280
"""The longest message, in characters."""


class Base(DeclarativeBase):
    """All tables of the app."""

    type_annotation_map = BY_ANNOTATION


class Message(Base):
    """One message on the wall."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    text: Mapped[str] = mapped_column(String(MAX_TEXT))
    posted_at: Mapped[datetime] = mapped_column(default=clock.now)
    picture: Mapped[str | None] = mapped_column(Text)
    """An SVG, set by the job `draw`."""
