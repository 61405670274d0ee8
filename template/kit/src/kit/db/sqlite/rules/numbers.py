"""The rules of numbers."""

from kit.db.sqlite.column_types import EXACT_DIGITS
from kit.db.sqlite.rules.rule import Make, Rule

_WHOLE = "CAST({v} AS INTEGER)"
_NEAREST = f"CASE WHEN abs({{v}} - {_WHOLE}) = 0.5 THEN {_WHOLE} + {_WHOLE} % 2 ELSE round({{v}}) END"
"""The nearest whole number, of two the even one."""


def integer(size: int) -> Make:
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


def numeric(numbers: list[int], unsigned: bool) -> Rule:
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


def double(_: list[int], unsigned: bool) -> Rule:
    low = "0" if unsigned else "-1.7976931348623157e308"
    condition = f"{{v}} NOT BETWEEN {low} AND 1.7976931348623157e308"
    return Rule(condition, [(condition, "is not a number that a DOUBLE has (MySQL errors 1264 and 1366)")])


def single(numbers: list[int], unsigned: bool) -> Rule:
    """A number with 24 bits, of which MySQL's server sends six decimal digits, rounded half to even."""
    if numbers and numbers[0] > 24:
        return double(numbers, unsigned)
    # Rounds to 24 bits: below the smallest normal number to multiples of 2**-149, above it by Veltkamp's splitting.
    bits = "CASE WHEN abs({v}) < 1.1754943508222875e-38" + (
        " THEN ({v} * 1125899906842624.0 * 1125899906842624.0 * 562949953421312.0 + 6755399441055744.0"
        " - 6755399441055744.0) / 1125899906842624.0 / 1125899906842624.0 / 562949953421312.0"
        " ELSE {v} * 536870913.0 - ({v} * 536870913.0 - {v}) END"
    )
    # Then to six digits, of which `exponent` is the decimal place of the first one.
    scaled = "(single / CAST('1e' || (exponent - 5) AS REAL))"
    bare = f"SELECT abs({bits}) AS single, CASE WHEN {{v}} < 0 THEN -1.0 ELSE 1.0 END AS sign"
    digits = (
        f"(SELECT sign * CAST(CAST({_NEAREST.format(v=scaled)} AS INTEGER) || 'e' || (exponent - 5) AS REAL)"  # noqa: S608
        f" FROM (SELECT *, CAST(substr(printf('%.5e', single), 9) AS INTEGER) AS exponent FROM ({bare})))"
    )
    low = "0" if unsigned else "-3.4028234663852886e38"
    condition = f"{{v}} NOT BETWEEN {low} AND 3.4028234663852886e38"
    return Rule(
        f"{condition} OR {{v}} <> CAST(printf('%.6g', {{v}}) AS REAL) OR abs({{v}}) < 1.1754943508222875e-38",
        [(condition, "is not a number that a FLOAT has (MySQL errors 1264 and 1366)")],
        digits,
    )
