"""Whether a column that is changed still holds what it held, and gives values of the same kind."""

from typing import Literal

from kit.db.schema.definitions import INTEGERS, Column

Change = Literal["same", "wider", "narrower", "other"]

_BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INT": 32, "BIGINT": 64}
_TEXT_BYTES = {"TINYTEXT": 2**8 - 1, "TEXT": 2**16 - 1, "MEDIUMTEXT": 2**24 - 1, "LONGTEXT": 2**32 - 1}
_BLOB_BYTES = {"TINYBLOB": 2**8 - 1, "BLOB": 2**16 - 1, "MEDIUMBLOB": 2**24 - 1, "LONGBLOB": 2**32 - 1}
_CHOICES = {"ENUM", "SET"}
_MOMENTS = {"DATETIME", "TIMESTAMP"}


def change(old: Column, new: Column) -> Change:
    """Say what becomes of a column's type."""
    if (old.type, old.arguments, old.unsigned) == (new.type, new.arguments, new.unsigned):
        return "same"
    for compare in (_numbers, _texts, _times):
        if (wider := compare(old, new)) is not None:
            return "wider" if wider else "narrower"
    return "other"


def _numbers(old: Column, new: Column) -> bool | None:
    if {old.type, new.type} <= INTEGERS:
        (low, high), (new_low, new_high) = _range(old), _range(new)
        return new_low <= low and high <= new_high
    if {old.type, new.type} == {"DECIMAL"}:
        (digits, scale), (new_digits, new_scale) = ([int(one) for one in column.arguments] for column in (old, new))
        return new_digits - new_scale >= digits - scale and new_scale >= scale and (old.unsigned or not new.unsigned)
    if {old.type, new.type} <= {"FLOAT", "DOUBLE"} and len(old.arguments) == len(new.arguments):
        return new.type == "DOUBLE" and (old.unsigned or not new.unsigned)
    return int(old.arguments[0]) <= int(new.arguments[0]) if {old.type, new.type} == {"BIT"} else None


def _range(column: Column) -> tuple[int, int]:
    bits = _BITS[column.type]
    return (0, 2**bits - 1) if column.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _texts(old: Column, new: Column) -> bool | None:
    if {old.type, new.type} <= _CHOICES and old.type == new.type:
        return set(old.arguments) <= set(new.arguments)
    if new.type in _CHOICES and (old.type.endswith("CHAR") or old.type in _TEXT_BYTES):
        return False
    if old.type == "ENUM" and new.type == "VARCHAR":
        return all(len(member) <= (new.length or 0) for member in old.arguments)
    for padded, varying, sizes, bytes_each in (
        ("CHAR", "VARCHAR", _TEXT_BYTES, 4),
        ("BINARY", "VARBINARY", _BLOB_BYTES, 1),
    ):
        kinds = {padded, varying, *sizes}
        if {old.type, new.type} <= kinds and not (new.type == padded and old.type != padded):
            before, after = (sizes.get(one.type) or (one.length or 1) * bytes_each for one in (old, new))
            return before <= after
    return None


def _times(old: Column, new: Column) -> bool | None:
    if not ({old.type, new.type} <= _MOMENTS or {old.type, new.type} == {"TIME"}):
        return None
    before, after = (int((column.arguments or ("0",))[0]) for column in (old, new))
    return before <= after and not (old.type == "DATETIME" and new.type == "TIMESTAMP")
