"""What MySQL's column types refuse and change, as SQLite's expressions.

Strict mode is assumed, as PlanetScale and MySQL have it. The rules were read from the manual and are compared with a
server by `tests/kit/test_types_agree.py` in the template's repository.
Source: dev.mysql.com/doc/refman/8.4/en/data-types.html and …/sql-mode.html#sql-mode-strict
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kit.db.sqlite.column_types import EXACT_DIGITS


class Rule(NamedTuple):
    """The rule of one column. In its expressions, `{v}` is the column's value."""

    suspicious: str
    """True for every value that is refused or changed; cheap, because it is evaluated for each row."""
    refused: Sequence[tuple[str, str]]
    """Conditions under which a value is refused, each with what is wrong."""
    stored: str = "{v}"
    """What is stored of a value that isn't refused."""


def of(column_type: str) -> Rule | None:
    """Return the rule for a type as MySQL's DDL has it, such as `VARCHAR(280)`; `None` if any value may be stored."""
    match = re.match(r"(\w+)\s*(?:\((.*?)\))?(?=\s|$)(.*)", column_type, re.DOTALL)
    if not match:
        return None
    name, arguments, options = match[1].upper(), match[2] or "", match[3].upper()
    if name == "ENUM":
        return _enum(column_type)
    numbers = [int(number) for number in re.findall(r"\d+", arguments)]
    make = _RULES.get(name)
    return make(numbers, "UNSIGNED" in options) if make else None


_INTEGER_BYTES = {
    "TINYINT": 1, "BOOL": 1, "BOOLEAN": 1, "SMALLINT": 2, "MEDIUMINT": 3, "INT": 4, "INTEGER": 4, "BIGINT": 8,
}  # fmt: skip


_WHOLE = "CAST({v} AS INTEGER)"
_NEAREST = f"CASE WHEN abs({{v}} - {_WHOLE}) = 0.5 THEN {_WHOLE} + {_WHOLE} % 2 ELSE round({{v}}) END"
"""The nearest whole number, of two the even one."""


def _integer(size: int) -> Callable[[list[int], bool], Rule]:
    """A whole number; the value nearest to a fraction is stored, of two the even one."""

    def rule(_: list[int], unsigned: bool) -> Rule:
        low, high = (0, 2 ** (8 * size) - 1) if unsigned else (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1)
        high = min(high, 2**63 - 1)  # SQLite's integers end there
        return Rule(
            f"{{v}} NOT BETWEEN {low} AND {high} OR typeof({{v}}) = 'real'",
            [
                ("typeof({v}) IN ('text', 'blob')", "is not a number (MySQL error 1366)"),
                (f"{_NEAREST} NOT BETWEEN {low} AND {high}", f"is not between {low} and {high} (MySQL error 1264)"),
            ],
            f"CAST({_NEAREST} AS INTEGER)",
        )

    return rule


def _numeric(numbers: list[int], unsigned: bool) -> Rule:
    """A decimal number, rounded half away from zero.

    It is compared with the double that is nearest to the middle of two decimal numbers: 1.005 * 100 is less than 100.5.
    """
    precision, scale = (numbers + [10, 0][len(numbers) :])[:2]
    power = f"1e{scale}"
    below = f"CAST(abs({{v}}) * {power} AS INTEGER)"
    units = f"({below} + (abs({{v}}) >= ({below} + 0.5) / {power}))"
    high = f"{'9' * (precision - scale) or '0'}.{'9' * scale}" if scale else "9" * precision
    low = "0" if unsigned else f"-{high}"
    stored = f"({units} / {power} * CASE WHEN {{v}} < 0 THEN -1 ELSE 1 END)"
    outside = f"{{v}} NOT BETWEEN {low} AND {high}"
    limit = 10 ** (precision - scale)
    too_large = f"abs({{v}}) >= {limit} OR typeof({{v}}) = 'real' AND {units} >= 1e{precision}"
    if unsigned:
        too_large += f" OR {stored} < 0"
    refused = [
        ("typeof({v}) IN ('text', 'blob')", "is not a number (MySQL error 1366)"),
        (too_large, f"is not between {low} and {high} (MySQL error 1264)"),
    ]
    suspicious = f"{outside} OR typeof({{v}}) = 'real' AND {{v}} <> {stored}"
    if precision > EXACT_DIGITS:
        inexact = f"typeof({{v}}) = 'real' AND abs({{v}}) >= 1e{EXACT_DIGITS - scale}"
        refused.append((inexact, f"has more than the {EXACT_DIGITS} digits that SQLite keeps"))
        suspicious += f" OR {inexact}"
    return Rule(suspicious, refused, f"CASE typeof({{v}}) WHEN 'real' THEN {stored} ELSE {{v}} END")


def _double(_: list[int], unsigned: bool) -> Rule:
    low = "0" if unsigned else "-1.7976931348623157e308"
    condition = f"{{v}} NOT BETWEEN {low} AND 1.7976931348623157e308"
    return Rule(condition, [(condition, "is not a number that a DOUBLE has (MySQL errors 1264 and 1366)")])


def _float(numbers: list[int], unsigned: bool) -> Rule:
    """A number with 24 bits, of which MySQL's server sends six decimal digits, rounded half to even."""
    if numbers and numbers[0] > 24:
        return _double(numbers, unsigned)
    bits = "CASE WHEN abs({v}) < 1.1754943508222875e-38" + (
        " THEN ({v} * 1125899906842624.0 * 1125899906842624.0 * 562949953421312.0 + 6755399441055744.0"
        " - 6755399441055744.0) / 1125899906842624.0 / 1125899906842624.0 / 562949953421312.0"
        " ELSE {v} * 536870913.0 - ({v} * 536870913.0 - {v}) END"
    )
    scaled = "(single / CAST('1e' || (exponent - 5) AS REAL))"
    single = f"SELECT abs({bits}) AS single, CASE WHEN {{v}} < 0 THEN -1.0 ELSE 1.0 END AS sign"
    digits = (
        f"(SELECT sign * CAST(CAST({_NEAREST.format(v=scaled)} AS INTEGER) || 'e' || (exponent - 5) AS REAL)"  # noqa: S608
        f" FROM (SELECT *, CAST(substr(printf('%.5e', single), 9) AS INTEGER) AS exponent FROM ({single})))"
    )
    low = "0" if unsigned else "-3.4028234663852886e38"
    condition = f"{{v}} NOT BETWEEN {low} AND 3.4028234663852886e38"
    return Rule(
        f"{condition} OR {{v}} <> CAST(printf('%.6g', {{v}}) AS REAL) OR abs({{v}}) < 1.1754943508222875e-38",
        [(condition, "is not a number that a FLOAT has (MySQL errors 1264 and 1366)")],
        digits,
    )


_SPACES = "' ' || char(9, 10, 11, 12, 13)"
"""What MySQL cuts off where a text is longer than its column."""


def _varchar(numbers: list[int], _: bool) -> Rule:
    length = numbers[0] if numbers else 1
    too_long = f"length(rtrim({{v}}, {_SPACES})) > {length}"
    # length() ends at a NUL character. A text with one is measured in bytes.
    too_long += f" OR instr({{v}}, char(0)) AND length(CAST(rtrim({{v}}, {_SPACES}) AS BLOB)) > {length}"
    return Rule(
        f"length(CAST({{v}} AS BLOB)) > {length} OR typeof({{v}}) = 'blob'",
        [
            ("typeof({v}) = 'blob'", "is bytes, not text"),
            (too_long, f"has more than {length} characters (MySQL error 1406)"),
        ],
        f"CASE WHEN length({{v}}) > {length} THEN substr({{v}}, 1, {length}) ELSE {{v}} END",
    )


def _char(numbers: list[int], unsigned: bool) -> Rule:
    """Spaces at the end are not sent to the client, and so not kept here."""
    rule = _varchar(numbers, unsigned)
    return rule._replace(
        suspicious=f"{rule.suspicious} OR {{v}} <> rtrim({{v}}, ' ')", stored=f"rtrim({rule.stored}, ' ')"
    )


def _text(limit: int) -> Callable[[list[int], bool], Rule]:
    def rule(numbers: list[int], _: bool) -> Rule:
        size = _size_for(limit, numbers, bytes_each=4)
        return Rule(
            f"length(CAST({{v}} AS BLOB)) > {size} OR typeof({{v}}) = 'blob'",
            [
                ("typeof({v}) = 'blob'", "is bytes, not text"),
                (
                    f"length(CAST(rtrim({{v}}, {_SPACES}) AS BLOB)) > {size}",
                    f"has more than {size} bytes (MySQL error 1406)",
                ),
            ],
            f"CASE WHEN length(CAST({{v}} AS BLOB)) > {size}"
            f" THEN CAST(substr(CAST({{v}} AS BLOB), 1, {size}) AS TEXT) ELSE {{v}} END",
        )

    return rule


def _blob(limit: int) -> Callable[[list[int], bool], Rule]:
    def rule(numbers: list[int], _: bool) -> Rule:
        size = _size_for(limit, numbers, bytes_each=1)
        condition = f"length(CAST({{v}} AS BLOB)) > {size}"
        return Rule(
            f"{condition} OR typeof({{v}}) <> 'blob'",
            [(condition, f"has more than {size} bytes (MySQL error 1406)")],
            "CASE WHEN {v} IS NOT NULL THEN CAST({v} AS BLOB) END",
        )

    return rule


def _varbinary(numbers: list[int], unsigned: bool) -> Rule:
    return _blob(numbers[0] if numbers else 1)([], unsigned)


def _binary(numbers: list[int], unsigned: bool) -> Rule:
    size = numbers[0] if numbers else 1
    rule = _varbinary(numbers, unsigned)
    padded = f"length(CAST({{v}} AS BLOB)) < {size}"
    reason = f"has less than {size} bytes: MySQL would append zeros. Use LargeBinary"
    return rule._replace(suspicious=f"{rule.suspicious} OR {padded}", refused=[*rule.refused, (padded, reason)])


def _size_for(limit: int, numbers: list[int], *, bytes_each: int) -> int:
    """The size of the smallest of four types that has room: TEXT(70000) is a MEDIUMTEXT."""
    needed = numbers[0] * bytes_each if numbers else limit
    return next(size for size in (255, 65_535, 16_777_215, 4_294_967_295) if size >= needed)


def _digits(pattern: str) -> str:
    return "'" + pattern.replace("0", "[0-9]") + "'"


_DATETIME = "0000-00-00 00:00:00.000000"


def _moment(fraction_digits: int) -> tuple[str, str]:
    """The condition under which a text is no date and time, and the text that is stored for one."""
    full = f"(replace({{v}}, 'T', ' ') || substr('{_DATETIME}', length({{v}}) + 1))"
    seconds = f"substr({full}, 1, 19)"
    invalid = f"length({{v}}) < 10 OR {full} NOT GLOB {_digits(_DATETIME)} OR datetime({seconds}) IS NOT {seconds}"
    fraction = _rounded(f"substr({full}, 21)", fraction_digits)
    stored = f"datetime({seconds}, '+' || ({fraction} / 1000000) || ' seconds')"
    return f"{invalid} OR {stored} IS NULL", f"({stored} || printf('.%06d', {fraction} % 1000000))"


def _rounded(microseconds: str, fraction_digits: int) -> str:
    step = 10 ** (6 - fraction_digits)
    return f"((CAST({microseconds} AS INTEGER) + {step // 2}) / {step} * {step})"


_INVALID = "(MySQL error 1292)"


def _datetime(numbers: list[int], _: bool) -> Rule:
    fraction_digits = numbers[0] if numbers else 0
    invalid, stored = _moment(fraction_digits)
    zeros = f" OR substr({{v}}, {21 + fraction_digits}) <> '{'0' * (6 - fraction_digits)}'"
    return Rule(
        f"{{v}} NOT GLOB {_digits(_DATETIME)} OR datetime(substr({{v}}, 1, 19)) IS NOT substr({{v}}, 1, 19)"
        + (zeros if fraction_digits < 6 else ""),
        [(invalid, f"is not a date and time {_INVALID}")],
        stored,
    )


def _date(_: list[int], __: bool) -> Rule:
    invalid, stored = _moment(0)
    return Rule(
        f"{{v}} NOT GLOB {_digits('0000-00-00')} OR date({{v}}) IS NOT {{v}}",
        [(invalid, f"is not a date {_INVALID}")],
        f"substr({stored}, 1, 10)",
    )


_TIME = "00:00:00.000000"


def _time(numbers: list[int], _: bool) -> Rule:
    """A time of day; MySQL's TIME also has 24 hours and more, which Python's doesn't."""
    fraction_digits = numbers[0] if numbers else 0
    full = f"({{v}} || substr('{_TIME}', length({{v}}) + 1))"
    seconds = f"substr({full}, 1, 8)"
    fraction = _rounded(f"substr({full}, 10)", fraction_digits)
    stored = f"time({seconds}, '+' || ({fraction} / 1000000) || ' seconds') || printf('.%06d', {fraction} % 1000000)"
    invalid = f"length({{v}}) < 5 OR {full} NOT GLOB {_digits(_TIME)} OR time({seconds}) IS NOT {seconds}"
    return Rule(
        f"{{v}} NOT GLOB {_digits(_TIME)} OR {{v}} <> {stored}",
        [(invalid, f"is not a time of day {_INVALID}")],
        f"({stored})",
    )


def _enum(column_type: str) -> Rule:
    members = column_type[column_type.index("(") + 1 : column_type.rindex(")")]
    condition = f"{{v}} NOT IN ({members.replace('{', '{{').replace('}', '}}')})"
    return Rule(condition, [(condition, "is not one of the members (MySQL error 1265)")])


def _json(_: list[int], __: bool) -> Rule:
    condition = "CASE typeof({v}) WHEN 'text' THEN NOT json_valid({v}) WHEN 'blob' THEN 1 END"
    return Rule(condition, [(condition, "is not JSON (MySQL error 3140)")])


_RULES: dict[str, Callable[[list[int], bool], Rule]] = {
    **{name: _integer(size) for name, size in _INTEGER_BYTES.items()},
    "NUMERIC": _numeric,
    "DECIMAL": _numeric,
    "DOUBLE": _double,
    "REAL": _double,
    "FLOAT": _float,
    "VARCHAR": _varchar,
    "CHAR": _char,
    "TINYTEXT": _text(255),
    "TEXT": _text(65_535),
    "MEDIUMTEXT": _text(16_777_215),
    "LONGTEXT": _text(4_294_967_295),
    "TINYBLOB": _blob(255),
    "BLOB": _blob(65_535),
    "MEDIUMBLOB": _blob(16_777_215),
    "LONGBLOB": _blob(4_294_967_295),
    "VARBINARY": _varbinary,
    "BINARY": _binary,
    "DATETIME": _datetime,
    "DATE": _date,
    "TIME": _time,
    "JSON": _json,
}
