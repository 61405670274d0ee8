"""Text whose case doesn't matter, for e-mail addresses and user names."""

from typing import Any

from sqlalchemy import Dialect, String
from sqlalchemy.dialects.mysql import VARCHAR
from sqlalchemy.types import TypeDecorator, TypeEngine

from kit.db.mysql import COLLATION


def fold_case(text: str) -> str:
    """Return the text as `CaseInsensitive` stores it, to compare it in Python or in SQL of your own.

    Texts that differ only in their case, or in how accents are encoded, have the same result: 'STRASSE', 'Straße' and
    'strasse'. Accents and spaces count. A second call changes nothing.
    Source: the Unicode Standard, canonical caseless matching (definition D145)
    """
    from unicodedata import normalize  # a file of its own; most processes never need it

    return normalize("NFC", normalize("NFD", text).casefold())


class CaseInsensitive(TypeDecorator[str]):
    """Text of up to `length` characters that is unique, and found, whatever its case: on every database the same.

    The column holds the result of `fold_case`; what is read is that, too. To show the text as it was written, keep it
    in a second column. Whatever the column is compared with is folded: `==`, `in_`, `like`, `startswith`, `contains`.

    Raises `sqlalchemy.exc.DataError` for a text that is longer after folding, as for any text that is too long.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Name the collation, because a table from before `COLLATION` ignores accents too."""
        return dialect.type_descriptor(
            VARCHAR(self.length, collation=COLLATION) if dialect.name == "mysql" else String(self.length)
        )

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        return _Compared(self.length)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        folded = value and fold_case(value)
        if folded and len(folded) > self.length:
            raise dialect.loaded_dbapi.DataError(
                f"The text has {len(folded)} characters in lower case; CaseInsensitive({self.length}) holds "
                f"{self.length}."
            )
        return folded


class _Compared(CaseInsensitive):
    """What a column is compared with: patterns and longer texts are folded too, and refused nowhere."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and fold_case(value)
