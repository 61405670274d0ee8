"""The schedule expressions of EventBridge Scheduler: `cron(0 3 * * ? *)` and `rate(5 minutes)`.

They are validated as AWS would, and evaluated for the local worker. A local time that a clock change skips is left out;
one that occurs twice counts once. Source: EventBridge Scheduler User Guide, "Schedule types".
"""

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

DayTest = Callable[[date], bool]


class Field(NamedTuple):
    """One field of a cron expression: its name, its range, and the words for its numbers."""

    name: str
    low: int
    high: int
    words: dict[str, int]


def _numbered(words: str) -> dict[str, int]:
    return {word: number for number, word in enumerate(words.split(), 1)}


MINUTES = Field("minutes", 0, 59, {})
HOURS = Field("hours", 0, 23, {})
DAY_OF_MONTH = Field("day of the month", 1, 31, {})
MONTH = Field("month", 1, 12, _numbered("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"))
DAY_OF_WEEK = Field("day of the week", 1, 7, _numbered("SUN MON TUE WED THU FRI SAT"))
YEAR = Field("year", 1970, 2199, {})

_ITEM = re.compile(r"(?:(?P<any>\*)|(?P<first>[0-9A-Z]+)(?:-(?P<last>[0-9A-Z]+))?)(?:/(?P<step>[0-9]+))?")
_WEEKDAY = r"(?P<day>[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)"


class Rate(NamedTuple):
    """A fixed interval."""

    every: timedelta

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """When it is due next, counted from `moment`."""
        return moment + self.every


class Cron(NamedTuple):
    """These minutes of these hours, on the days of these months and years for which `day` is true."""

    minutes: list[int]
    hours: list[int]
    months: set[int]
    years: set[int]
    day: DayTest

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """When it is due next, strictly after `moment`; None if it never is again."""
        start = moment.astimezone(zone).date() - timedelta(days=1)
        for day in self._days(start):
            for hour in self.hours:
                for minute in self.minutes:
                    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                    due = local.astimezone(UTC)
                    if due > moment and due.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                        return due
        return None

    def _days(self, start: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= start.year):
            first_month = start.month if year == start.year else 1
            for month in sorted(month for month in self.months if month >= first_month):
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= start and self.day(day):
                        yield day


@lru_cache
def parse(expression: str) -> Cron | Rate:
    """Read an expression; raises `ValueError` that says how to correct it."""
    if match := re.fullmatch(r"cron\((.*)\)", expression.strip()):
        return _cron(match[1].split())
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression.strip(), re.ASCII):
        return _rate(int(match[1]), match[2], plural=bool(match[3]))
    raise ValueError("write it as cron(0 3 * * ? *) or rate(5 minutes)")


def _rate(number: int, unit: str, *, plural: bool) -> Rate:
    if number < 1 or (number == 1) == plural:
        raise ValueError("a rate is 1 or more, in the singular or plural: rate(1 hour), rate(5 minutes)")
    return Rate(number * timedelta(**{f"{unit}s": 1}))


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ValueError(
            f"it has {len(fields)} fields; cron takes six: minutes, hours, day of the month, month, day of the week, "
            "year, such as cron(0 3 * * ? *)"
        )
    minutes, hours, day, month, weekday, year = (field.upper() for field in fields)
    if (day == "?") == (weekday == "?"):
        raise ValueError("exactly one of day of the month and day of the week must be ?, such as cron(0 3 * * ? *)")
    cron = Cron(
        sorted(_values(minutes, MINUTES)),
        sorted(_values(hours, HOURS)),
        _values(month, MONTH),
        _values(year, YEAR),
        _weekday_test(weekday) if day == "?" else _day_test(day),
    )
    if day != "?" and not any(map(cron.day, _sample_days(cron))):
        raise ValueError("it is never due: no such month has that day")
    return cron


def _sample_days(cron: Cron) -> Iterator[date]:
    """Every day of its months, in a leap year if its years have one."""
    year = 2024 if any(map(calendar.isleap, cron.years)) else 2023
    for month in cron.months:
        for day in range(1, calendar.monthrange(year, month)[1] + 1):
            yield date(year, month, day)


def _day_test(text: str) -> DayTest:
    if text == "L":
        return lambda day: day.day == _last(day)
    if text == "LW":
        return lambda day: day == _workday(day, _last(day))
    if match := re.fullmatch(r"([0-9]+)W", text):
        number = int(match[1])
        if not 1 <= number <= 31:
            raise ValueError(f"day of the month is {text}; W must follow a number from 1 to 31")
        return lambda day: number <= _last(day) and day == _workday(day, number)
    numbers = _values(text, DAY_OF_MONTH)
    return lambda day: day.day in numbers


def _weekday_test(text: str) -> DayTest:
    if text == "L":
        text = "SAT"
    if match := re.fullmatch(_WEEKDAY + "L", text):  # the last one of the month
        weekday = _number(match["day"], DAY_OF_WEEK)
        return lambda day: _weekday(day) == weekday and day.day > _last(day) - 7
    if match := re.fullmatch(_WEEKDAY + "#(?P<nth>[1-5])", text):
        weekday, nth = _number(match["day"], DAY_OF_WEEK), int(match["nth"])
        return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == nth
    weekdays = _values(text, DAY_OF_WEEK)
    return lambda day: _weekday(day) in weekdays


def _weekday(day: date) -> int:
    """1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1


def _last(day: date) -> int:
    """The last day of its month."""
    return calendar.monthrange(day.year, day.month)[1]


def _workday(day: date, number: int) -> date:
    """The Monday to Friday nearest to this day of the month, within the month."""
    near = day.replace(day=number)
    if near.isoweekday() == 6:
        return near - timedelta(days=1) if number > 1 else near + timedelta(days=2)
    if near.isoweekday() == 7:
        return near + timedelta(days=1) if number < _last(day) else near - timedelta(days=2)
    return near


def _values(text: str, field: Field) -> set[int]:
    """The numbers that a field such as `*`, `1,2`, `1-5` or `*/15` stands for."""
    values: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{field.name} is {text!r}, which is not valid")
        first = field.low if match["any"] else _number(match["first"], field)
        last = first if match["last"] is None else _number(match["last"], field)
        if match["any"] or (match["step"] and match["last"] is None):
            last = field.high
        step = int(match["step"] or 1)
        if step < 1:
            raise ValueError(f"{field.name} is {text!r}: a step must be 1 or more")
        if last < first:  # as in FRI-MON
            values |= {*range(first, field.high + 1, step), *range(field.low, last + 1, step)}
        else:
            values |= {*range(first, last + 1, step)}
    return values


def _number(text: str, field: Field) -> int:
    if text in field.words:
        return field.words[text]
    if not text.isdecimal() or not field.low <= int(text) <= field.high:
        raise ValueError(f"{field.name} is {text!r}; it must be from {field.low} to {field.high}")
    return int(text)
