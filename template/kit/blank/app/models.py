"""The tables."""

from sqlalchemy.orm import DeclarativeBase

from kit.db.types import BY_ANNOTATION


class Base(DeclarativeBase):
    """All tables of the app."""

    type_annotation_map = BY_ANNOTATION
