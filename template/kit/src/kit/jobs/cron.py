"""The expressions of AWS's EventBridge Scheduler: `cron(0 3 * * ? *)` and `rate(5 minutes)`.

They are checked here as AWS would, and told when they are due next, for a laptop. A local time that a change of
the clocks leaves out is skipped; one that comes twice counts once. They are read as the app is imported, so without
regular expressions, which take longer to compile than all the rest.
Source: EventBridge Scheduler User Guide, "Schedule types".
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

_MONTHS = dict(
    zip(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], range(1, 13), strict=True)
)
_DAYS = dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(1, 8), strict=True))
_ONE_DAY = _DAYS | {str(number): number for number in _DAYS.values()}
_PLACES = frozenset("12345")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minutes", 0, 59, {}),
    ("hours", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 1, 7, _DAYS),
    ("year", 1970, 2199, {}),
)
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}

DayTest = Callable[[date], bool]


class Rate(NamedTuple):
    """Every so often."""

    every: timedelta

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """When it is due next, counted from `moment`."""
        return moment + self.every


class Cron(NamedTuple):
    """At these minutes of these hours of the days that pass the tests."""

    minutes: list[int]
    hours: list[int]
    months: frozenset[int]
    years: frozenset[int]
    day: DayTest

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """When it is due next, strictly after `moment`; None when it never is again."""
        start = moment.astimezone(zone)
        for day in self._days(start.date() - timedelta(days=1)):
            for hour in self.hours:
                for minute in self.minutes:
                    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                    due = local.astimezone(UTC)
                    if due > moment and due.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                        return due
        return None

    def _days(self, first: date) -> Iterator[date]:
        day = first
        while day.year <= max(self.years):
            if day.year not in self.years:
                day = date(day.year + 1, 1, 1)
            elif day.month not in self.months:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            else:
                if self.day(day):
                    yield day
                day += timedelta(days=1)


def parse(expression: str) -> Cron | Rate:
    """Read an expression; raises `ValueError` with what would be right."""
    kind, _, rest = expression.strip().partition("(")
    inside = rest.removesuffix(")")
    if kind == "cron" and inside != rest and "\n" not in inside:
        return _cron(inside.split())
    number, _, unit = inside.partition(" ")
    if kind == "rate" and inside != rest and number.isdecimal() and unit.removesuffix("s") in _UNITS:
        return _rate(int(number), unit)
    raise ValueError("write it as cron(0 3 * * ? *) or rate(5 minutes)")


def _rate(number: int, unit: str) -> Rate:
    if number < 1 or (number == 1) == unit.endswith("s"):
        raise ValueError("a rate is of 1 or more, in the singular or plural: rate(1 hour), rate(5 minutes)")
    return Rate(number * _UNITS[unit.removesuffix("s")])


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ValueError(
            f"it has {len(fields)} fields; cron takes six: minutes, hours, day of the month, month, day of the week, "
            "year, such as cron(0 3 * * ? *)"
        )
    day, weekday = fields[2], fields[4].upper()
    if (day == "?") == (weekday == "?"):
        raise ValueError("exactly one of day of the month and day of the week is ?, such as cron(0 3 * * ? *)")
    plain = [_values(text, *_FIELDS[index]) for index, text in enumerate(fields) if index not in (2, 4)]
    minutes, hours, months, years = plain
    test = _weekday(weekday) if day == "?" else _monthday(day.upper())
    made = Cron(sorted(minutes), sorted(hours), frozenset(months), frozenset(years), test)
    if day != "?" and not any(map(made.day, _some_days(made))):
        raise ValueError("it is never due: no such month has that day")
    return made


def _some_days(cron: Cron) -> Iterator[date]:
    """Each day of the months that count, in a common year and a leap year."""
    year = 2024 if any(_length(date(year, 2, 1)) == 29 for year in cron.years) else 2023
    for month in cron.months:
        for day in range(1, _length(date(year, month, 1)) + 1):
            yield date(year, month, day)


def _monthday(text: str) -> DayTest:
    if text == "L":
        return lambda day: day.day == _length(day)
    if text == "LW":
        return lambda day: day == _workday(day, _length(day))
    if text[:-1].isdecimal() and text.endswith("W"):
        wanted = int(text[:-1])
        if not 1 <= wanted <= 31:
            raise ValueError(f"day of the month is {text}; W follows 1 to 31")
        return lambda day: wanted <= _length(day) and day == _workday(day, wanted)
    values = _values(text, *_FIELDS[2])
    return lambda day: day.day in values


def _weekday(text: str) -> DayTest:
    if text == "L":
        text = "7"
    if text.endswith("L") and (last := _ONE_DAY.get(text[:-1])):
        return lambda day: _number(day) == last and day.day + 7 > _length(day)
    name, _, place = text.partition("#")
    if (wanted := _ONE_DAY.get(name)) and place in _PLACES:
        nth = int(place)
        return lambda day: _number(day) == wanted and (day.day - 1) // 7 + 1 == nth
    values = _values(text, *_FIELDS[4])
    return lambda day: _number(day) in values


def _number(day: date) -> int:
    """1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    """How many days its month has."""
    return (date(day.year + day.month // 12, day.month % 12 + 1, 1) - timedelta(days=1)).day


def _workday(day: date, wanted: int) -> date:
    """The Monday to Friday nearest to the wanted day, within its month."""
    near = day.replace(day=wanted)
    if near.isoweekday() == 6:
        return near - timedelta(days=1) if wanted > 1 else near + timedelta(days=2)
    if near.isoweekday() == 7:
        return near + timedelta(days=1) if wanted < _length(day) else near - timedelta(days=2)
    return near


def _values(text: str, name: str, low: int, high: int, words: dict[str, int]) -> set[int]:
    """The numbers that a field of `*`, `1,2`, `1-5` and `*/15` stands for."""
    found: set[int] = set()
    for part in text.upper().split(","):
        span, slash, every = part.partition("/")
        start, dash, end = span.partition("-")
        if not (start.isalnum() or span == "*") or (dash and not end.isalnum()) or (slash and not every.isdecimal()):
            raise ValueError(f"{name} is {text!r}, which cannot be read")
        first = low if span == "*" else _one(start, name, low, high, words)
        last = _one(end, name, low, high, words) if dash else first
        if span == "*" or (slash and not dash):
            last = high
        step = int(every or 1)
        if step < 1:
            raise ValueError(f"{name} is {text!r}: a step is 1 or more")
        if last < first:  # as in FRI-MON
            found |= {*range(first, high + 1, step), *range(low, last + 1, step)}
        else:
            found |= {*range(first, last + 1, step)}
    return found


def _one(text: str, name: str, low: int, high: int, words: dict[str, int]) -> int:
    if text in words:
        return words[text]
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ValueError(f"{name} is {text!r}; it goes from {low} to {high}")
    return int(text)
