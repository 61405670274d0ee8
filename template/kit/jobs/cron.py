"""The expressions of AWS's EventBridge Scheduler: `cron(0 3 * * ? *)` and `rate(5 minutes)`.

They are checked here as AWS would, and told when they are due next, for a laptop. A local time that a change of
the clocks leaves out is skipped; one that comes twice counts once.
Source: EventBridge Scheduler User Guide, "Schedule types".
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

_MONTHS = dict(
    zip(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], range(1, 13), strict=True)
)
_DAYS = dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(1, 8), strict=True))
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


@dataclass(frozen=True)
class Rate:
    """Every so often."""

    every: timedelta

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """When it is due next, counted from `moment`."""
        return moment + self.every


@dataclass(frozen=True)
class Cron:
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
    if found := re.fullmatch(r"cron\((.*)\)", expression.strip()):
        return _cron(found[1].split())
    if found := re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression.strip()):
        number = int(found[1])
        if number < 1 or (number == 1) == bool(found[3]):
            raise ValueError("a rate is of 1 or more, in the singular or plural: rate(1 hour), rate(5 minutes)")
        return Rate(number * _UNITS[found[2]])
    raise ValueError("write it as cron(0 3 * * ? *) or rate(5 minutes)")


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
    leap = any(map(calendar.isleap, cron.years))
    for month in cron.months:
        for day in range(1, calendar.monthrange(2024 if leap else 2023, month)[1] + 1):
            yield date(2024 if leap else 2023, month, day)


def _monthday(text: str) -> DayTest:
    if text == "L":
        return lambda day: day.day == _length(day)
    if text == "LW":
        return lambda day: day == _workday(day, _length(day))
    if found := re.fullmatch(r"(\d{1,2})W", text):
        wanted = int(found[1])
        if not 1 <= wanted <= 31:
            raise ValueError(f"day of the month is {text}; W follows 1 to 31")
        return lambda day: wanted <= _length(day) and day == _workday(day, wanted)
    values = _values(text, *_FIELDS[2])
    return lambda day: day.day in values


def _weekday(text: str) -> DayTest:
    if text == "L":
        text = "7"
    for name, number in _DAYS.items():
        text = re.sub(rf"\b{name}", str(number), text)
    if found := re.fullmatch(r"([1-7])L", text):
        last = int(found[1])
        return lambda day: _number(day) == last and day.day + 7 > _length(day)
    if found := re.fullmatch(r"([1-7])#([1-5])", text):
        wanted, nth = int(found[1]), int(found[2])
        return lambda day: _number(day) == wanted and (day.day - 1) // 7 + 1 == nth
    values = _values(text, *_FIELDS[4])
    return lambda day: _number(day) in values


def _number(day: date) -> int:
    """1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


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
        match = re.fullmatch(r"(\*|[A-Z\d]+)(?:-([A-Z\d]+))?(?:/(\d+))?", part)
        if not match or (match[1] == "*" and match[2]):
            raise ValueError(f"{name} is {text!r}, which cannot be read")
        first = low if match[1] == "*" else _one(match[1], name, low, high, words)
        last = _one(match[2], name, low, high, words) if match[2] else first
        if match[1] == "*" or (match[3] and not match[2]):
            last = high
        step = int(match[3] or 1)
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
