"""The rules of dates and times, which SQLite stores as text."""

from kit.db.sqlite.rules.rule import Rule


def _digits(pattern: str) -> str:
    return "'" + pattern.replace("0", "[0-9]") + "'"


_NORMALIZED = "'+0 days'"
"""Makes SQLite calculate: without it, version 3.40 returns 30 February unchanged."""
_DATETIME = "0000-00-00 00:00:00.000000"


def _moment(fraction_digits: int) -> tuple[str, str]:
    """The condition under which a text is no date and time, and the text that is stored for one."""
    full = f"(replace({{v}}, 'T', ' ') || substr('{_DATETIME}', length({{v}}) + 1))"
    seconds = f"substr({full}, 1, 19)"
    invalid = f"length({{v}}) < 10 OR {full} NOT GLOB {_digits(_DATETIME)} OR datetime({seconds}, {_NORMALIZED}) IS NOT {seconds}"
    fraction = _rounded(f"substr({full}, 21)", fraction_digits)
    stored = f"datetime({seconds}, '+' || ({fraction} / 1000000) || ' seconds')"
    return f"{invalid} OR {stored} IS NULL", f"({stored} || printf('.%06d', {fraction} % 1000000))"


def _rounded(microseconds: str, fraction_digits: int) -> str:
    step = 10 ** (6 - fraction_digits)
    return f"((CAST({microseconds} AS INTEGER) + {step // 2}) / {step} * {step})"


_INVALID = "(MySQL error 1292)"


def datetime(numbers: list[int], _: bool) -> Rule:
    fraction_digits = numbers[0] if numbers else 0
    invalid, stored = _moment(fraction_digits)
    zeros = f" OR substr({{v}}, {21 + fraction_digits}) <> '{'0' * (6 - fraction_digits)}'"
    return Rule(
        f"{{v}} NOT GLOB {_digits(_DATETIME)} OR datetime(substr({{v}}, 1, 19), {_NORMALIZED}) IS NOT substr({{v}}, 1, 19)"
        + (zeros if fraction_digits < 6 else ""),
        [(invalid, f"is not a date and time {_INVALID}")],
        stored,
    )


def date(_: list[int], __: bool) -> Rule:
    invalid, stored = _moment(0)
    return Rule(
        f"{{v}} NOT GLOB {_digits('0000-00-00')} OR date({{v}}, {_NORMALIZED}) IS NOT {{v}}",
        [(invalid, f"is not a date {_INVALID}")],
        f"substr({stored}, 1, 10)",
    )


_TIME = "00:00:00.000000"


def time(numbers: list[int], _: bool) -> Rule:
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
