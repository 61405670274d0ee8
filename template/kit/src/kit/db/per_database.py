"""An SQL expression that each database writes differently, for migrations.

    sa.CheckConstraint(per_database(sqlite="length(name) > 2", mysql="char_length(name) > 2"))

`make migration` writes it where a model's expression becomes different text, as `func.char_length` or `a + b` of two
strings does.
"""

from alembic import op
from sqlalchemy import TextClause, text

__all__ = ["per_database"]


def per_database(**texts: str) -> TextClause:
    """Return the text for the database that is migrated: for a check, an index, a default or a computed column.

    texts: the SQL by the name of SQLAlchemy's dialect, `sqlite` and `mysql`.
    """
    return text(texts[op.get_context().dialect.name])
