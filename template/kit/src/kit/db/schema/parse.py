"""Parses a statement of a migration for MySQL; sqlglot does it, but for a few phrases that it does not know."""

import logging
import re
from typing import Any

import sqlglot

_QUOTED = r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|/\*.*?\*/"""

_EQUIVALENT = [
    (r"\bNATIONAL\s+(?:CHARACTER|CHAR)\b", "NCHAR"),
    (r"\bNATIONAL\s+VARCHAR\b", "NVARCHAR"),
    (r"\bREAL\b(?=\s*[,()]|\s+(?:NOT|NULL|DEFAULT|COMMENT|UNSIGNED)\b|$)", "DOUBLE"),  # sqlglot takes it for a FLOAT
    (r"\bADD\s+CHECK\b", "ADD CONSTRAINT CHECK"),
    (r"\bUSING\s+(?:BTREE|HASH)\b", ""),  # InnoDB has B-trees only
    (r"^\s*CREATE\s+(FULLTEXT|SPATIAL)\s+INDEX\s+(\S+)\s+ON\s+([\w'.]+)", r"ALTER TABLE \3 ADD \1 INDEX \2 "),
    (
        r"^\s*CREATE\s+(UNIQUE\s+)?INDEX\s+(\S+)\s+ON\s+([\w'.]+)(.*\)\s*(?:COMMENT|VISIBLE|INVISIBLE)\b.*)$",
        r"ALTER TABLE \3 ADD \1INDEX \2 \4",
    ),
    (r"\bCONVERT\s+TO\s+CHARACTER\s+SET\b", "DEFAULT CHARACTER SET"),  # `is_conversion` knows the difference
]
"""Phrases, and what means the same and is parsed."""


def parse(sql: str) -> Any:
    """Return the statement's tree; `None` or an `exp.Command` if it cannot be parsed, or only in part."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about what it keeps as plain text
    partitions = re.search(r"\bPARTITION\s+BY\b", bare(sql), re.IGNORECASE)
    text = sql[: partitions.start()] if partitions else sql
    try:
        return sqlglot.parse_one(_equivalent(text), dialect="mysql")
    except sqlglot.errors.SqlglotError:
        return None


def bare(sql: str) -> str:
    """The statement with strings and comments blanked out, so that keywords are only found where they count."""
    return re.sub(r"'(?:[^'\\]|\\.|'')*'|/\*.*?\*/", lambda match: " " * len(match[0]), sql, flags=re.DOTALL)


def is_conversion(sql: str) -> bool:
    """Whether an ALTER TABLE converts the table's columns to a character set, beside changing its default."""
    return re.search(r"\bCONVERT\s+TO\s+(?:CHARACTER\s+SET|CHARSET)\b", bare(sql), re.IGNORECASE) is not None


def _equivalent(sql: str) -> str:
    quoted: list[str] = []

    def set_aside(match: re.Match[str]) -> str:
        if versioned := re.fullmatch(r"/\*!\d*(.*)\*/", match[0], re.DOTALL):  # MySQL executes such a comment
            return versioned[1]
        quoted.append(match[0])
        return f"'{len(quoted) - 1}'"

    sql = re.sub(_QUOTED, set_aside, sql, flags=re.DOTALL)
    for phrase, same in _EQUIVALENT:
        sql = re.sub(phrase, same, sql, flags=re.IGNORECASE | re.DOTALL)
    return re.sub(r"'(\d+)'", lambda match: quoted[int(match[1])], sql)
