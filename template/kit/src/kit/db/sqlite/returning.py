"""RETURNING is refused where somebody wrote it, as MySQL's server does; SQLAlchemy's own use of it stays."""

import re
import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, UpdateBase, event
from sqlalchemy.exc import ProgrammingError

from kit.db import limits

_WRITTEN = re.compile(r"^\s*(?:INSERT|UPDATE|DELETE|REPLACE|WITH)\b.*\bRETURNING\b", re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)


def watch(engine: Engine) -> None:
    """Refuse this engine's statements with RETURNING, except in migrations."""
    event.listen(engine, "before_cursor_execute", _refuse)


def _refuse(
    connection: Connection, _cursor: object, statement: str, _parameters: object, context: Any, *_: Any
) -> None:
    if "RETURNING" not in statement.upper() or connection.get_execution_options().get(limits.UNWATCHED):
        return
    compiled = getattr(context, "compiled", None)
    written = compiled.statement if compiled is not None else None
    if isinstance(written, UpdateBase):
        refused = bool(written.returning_column_descriptions)
    else:
        refused = bool(_WRITTEN.match(_QUOTED.sub("''", statement)))
    if refused:
        reason = "MySQL has no RETURNING. Read the new key from the object, or with result.inserted_primary_key."
        raise ProgrammingError(statement, None, sqlite3.ProgrammingError(reason), hide_parameters=True)
