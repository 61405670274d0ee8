"""`lower`, `upper` and LIKE on SQLite, as MySQL has them in tables with the collation of `kit.db.mysql`.

SQLite's own functions know the case of ASCII letters only. Its LIKE ignores their case and has no escape character
unless the statement names one.

`deterministic` lets SQLite use a function in an index. An index on LIKE's column is not used, because SQLite can't know
what a function of ours matches. Source: sqlite.org/optoverview.html#the_like_optimization
"""

import re
import sqlite3
from collections.abc import Callable
from functools import cache, lru_cache

Value = str | bytes | int | float | None
"""What SQLite passes to a function."""

LETTERS = (
    (0x41, 0x58F), (0x10A0, 0x10CD), (0x13A0, 0x13FD), (0x1C80, 0x1C88), (0x1D79, 0x1D7D), (0x1E00, 0x1FFC),
    (0x2126, 0x2184), (0x24B6, 0x24E9), (0x2C00, 0x2C2E), (0x2C30, 0x2C5E), (0x2C60, 0x2D2D), (0xA640, 0xA69B),
    (0xA722, 0xA7B7), (0xAB53, 0xABBF), (0xFF21, 0xFF5A), (0x10400, 0x1044F), (0x104B0, 0x104FB), (0x10C80, 0x10CF2),
    (0x118A0, 0x118DF), (0x1E900, 0x1E943),
)  # fmt: skip
"""Where Unicode 9.0, which MySQL uses, has letters with a case: first and last code points.

Python knows a newer Unicode. What is in these ranges keeps its case; a newer letter is outside of them.
Source: unicode.org/Public/9.0.0/ucd/UnicodeData.txt
"""


def register(connection: sqlite3.Connection) -> None:
    """Replace SQLite's functions on this connection."""
    connection.create_function("lower", 1, lower, deterministic=True)
    connection.create_function("upper", 1, upper, deterministic=True)
    connection.create_function("like", 2, like, deterministic=True)
    connection.create_function("like", 3, like, deterministic=True)


def lower(value: Value) -> Value:
    """Return the text in lower case, letter by letter: 'ΣΑΣ' becomes 'σασ'."""
    return _convert(value, str.lower)


def upper(value: Value) -> Value:
    """Return the text in upper case, letter by letter: 'ß' stays."""
    return _convert(value, str.upper)


def like(pattern: Value, value: Value, escape: Value = "\\") -> bool | None:
    """Whether `value LIKE pattern`; SQLite passes the pattern first.

    Raises `ValueError` for an escape of more than one character, as MySQL answers with error 1210.
    """
    if pattern is None or value is None:
        return None
    if isinstance(pattern, bytes) or isinstance(value, bytes):
        pattern, value = _bytes(pattern), _bytes(value)
    return _compile(str(pattern), "" if escape is None else str(escape)).fullmatch(str(value)) is not None


def _convert(value: Value, convert: Callable[[str], str]) -> Value:
    if value is None or isinstance(value, bytes):
        return value
    text = str(value)
    if text.isascii():
        return convert(text)
    table, growing = _letters(convert)
    converted = text.translate(table)
    return converted if growing.isdisjoint(text) else _in_place(text, converted)


@cache
def _letters(convert: Callable[[str], str]) -> tuple[dict[int, str], frozenset[str]]:
    """The letters that have another case, and those of them whose other case has more bytes."""
    known = {chr(code) for first, last in LETTERS for code in range(first, last + 1)}
    single = {letter: _single(letter, convert) for letter in known}
    others = {letter: other for letter, other in single.items() if other != letter and other in known}
    growing = {letter for letter, other in others.items() if len(other.encode()) > len(letter.encode())}
    return {ord(letter): other for letter, other in others.items()}, frozenset(growing)


def _single(letter: str, convert: Callable[[str], str]) -> str:
    """Convert a letter into one other, or into itself where Python converts it into several."""
    if len(converted := convert(letter)) == 1:
        return converted
    if convert is str.lower:  # only İ
        return converted[0]
    return title if len(title := letter.title()) == 1 else letter  # Greek letters with an iota below


def _in_place(text: str, converted: str) -> str:
    """Cut the text where MySQL does, which overwrites its own input when a letter has more bytes in its other case.

    So MySQL's upper('ȿx') is 'Ȿ', and upper('ȿ') is empty. Source: github.com/mysql/mysql-server,
    `Item_str_conv::val_str` in sql/item_strfunc.cc and `my_caseup_utf8mb4` in strings/ctype-utf8.cc
    """
    size, read, written = len(text.encode()), 0, 0
    for count, (old, new) in enumerate(zip(text, converted, strict=True)):
        read, written = read + len(old.encode()), written + len(new.encode())
        if written > size:
            return converted[:count]
        if written > read:
            return converted[: count + 1]
    return converted


def _bytes(value: Value) -> str:
    """Text with a character for each byte: MySQL compares bytes if one side has no character set."""
    return (value if isinstance(value, bytes) else str(value).encode()).decode("latin-1")


@lru_cache(maxsize=256)
def _compile(pattern: str, escape: str) -> re.Pattern[str]:
    """Translate a pattern; each part between two % is matched once, at the first place where it fits."""
    if len(escape) > 1:
        raise ValueError("ESCAPE must be a single character")
    parts, characters = [""], iter(pattern)
    for character in characters:
        if character == "%":
            parts.append("")
        elif character == escape:
            parts[-1] += re.escape(next(characters, escape))
        else:
            parts[-1] += "." if character == "_" else re.escape(character)
    first, *middle = parts
    last = ".*" + middle.pop() if middle else ""
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle if part) + last, re.DOTALL)
