"""The tables."""

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """All tables of the app."""
