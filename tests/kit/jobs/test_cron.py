"""Schedule expressions are due when EventBridge Scheduler says: its examples, and a second implementation."""

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.jobs import cron

YEARS = range(2023, 2029)  # months that begin and end on each day of the week, and two leap years


def due(expression: str, start: datetime, zone: str = "UTC", times: int = 3) -> list[str]:
    times_due = []
    moment: datetime | None = start
    for _ in range(times):
        assert moment
        moment = cron.parse(expression).after(moment, ZoneInfo(zone))
        times_due.append(f"{moment:%Y-%m-%d %H:%M}" if moment else "never")
        if moment is None:
            break
    return times_due


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 3 * * ? *)", ["2026-01-01 03:00", "2026-01-02 03:00", "2026-01-03 03:00"]),
        ("cron(*/20 0 1 1 ? *)", ["2026-01-01 00:20", "2026-01-01 00:40", "2027-01-01 00:00"]),
        ("cron(0 9 ? * MON-FRI *)", ["2026-01-01 09:00", "2026-01-02 09:00", "2026-01-05 09:00"]),
        ("cron(0 9 ? * 1 *)", ["2026-01-04 09:00", "2026-01-11 09:00", "2026-01-18 09:00"]),
        ("cron(0 0 ? * FRI#2 *)", ["2026-01-09 00:00", "2026-02-13 00:00", "2026-03-13 00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-01-30 00:00", "2026-02-27 00:00", "2026-03-27 00:00"]),
        ("cron(0 0 ? * FRIL *)", ["2026-01-30 00:00", "2026-02-27 00:00", "2026-03-27 00:00"]),
        ("cron(0 0 L * ? *)", ["2026-01-31 00:00", "2026-02-28 00:00", "2026-03-31 00:00"]),
        ("cron(0 0 1W * ? *)", ["2026-02-02 00:00", "2026-03-02 00:00", "2026-04-01 00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2027)", ["2027-01-01 00:00", "never"]),
        # Amazon EventBridge User Guide, "Cron expressions reference"; EventBridge Scheduler User Guide, "Schedule types"
        ("cron(0 10 * * ? *)", ["2026-01-01 10:00", "2026-01-02 10:00", "2026-01-03 10:00"]),
        ("cron(15 12 * * ? *)", ["2026-01-01 12:15", "2026-01-02 12:15", "2026-01-03 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-01-01 18:00", "2026-01-02 18:00", "2026-01-05 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-01-01 08:00", "2026-02-01 08:00", "2026-03-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-01-01 00:15", "2026-01-01 00:30", "2026-01-01 00:45"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2026-01-01 00:10", "2026-01-01 00:20", "2026-01-01 00:30"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-01-01 08:00", "2026-01-01 08:05", "2026-01-01 08:10"]),
        ("cron(5,35 14 * * ? *)", ["2026-01-01 14:05", "2026-01-01 14:35", "2026-01-02 14:05"]),
        ("cron(15 10 ? * 6L 2026-2027)", ["2026-01-30 10:15", "2026-02-27 10:15", "2026-03-27 10:15"]),
        ("cron(0 0 3W * ? *)", ["2026-01-02 00:00", "2026-02-03 00:00", "2026-03-03 00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-01-13 00:00", "2026-02-10 00:00", "2026-03-10 00:00"]),
        ("rate(90 minutes)", ["2026-01-01 01:30", "2026-01-01 03:00", "2026-01-01 04:30"]),
    ],
)
def test_expressions_are_due_when_aws_says(expression: str, expected: list[str]) -> None:
    assert due(expression, NEW_YEAR) == expected


def test_a_time_that_the_clocks_leave_out_is_skipped_and_one_that_comes_twice_counts_once() -> None:
    """In Berlin 02:30 does not exist on 2026-03-29, and comes twice on 2026-10-25."""
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert due("cron(30 2 * * ? *)", spring, "Europe/Berlin", 2) == ["2026-03-30 00:30", "2026-03-31 00:30"]
    assert due("cron(30 2 * * ? *)", autumn, "Europe/Berlin", 2) == ["2026-10-25 00:30", "2026-10-26 01:30"]


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.sets(st.integers(0, 59), min_size=1, max_size=3),
    st.sets(st.integers(0, 23), min_size=1, max_size=3),
    st.sets(st.integers(1, 7), min_size=1),
)
def test_the_next_time_is_the_first_that_fits(
    start: datetime, minutes: set[int], hours: set[int], days: set[int]
) -> None:
    def join(numbers: set[int]) -> str:
        return ",".join(map(str, numbers))

    due_next = cron.parse(f"cron({join(minutes)} {join(hours)} ? * {join(days)} *)").after(start, UTC)
    assert due_next
    moment = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while not (moment.minute in minutes and moment.hour in hours and moment.isoweekday() % 7 + 1 in days):
        if moment.isoweekday() % 7 + 1 not in days:
            moment = datetime.combine(moment.date() + timedelta(days=1), datetime.min.time(), UTC)
        elif moment.hour not in hours:
            moment = moment.replace(minute=0) + timedelta(hours=1)
        else:
            moment += timedelta(minutes=1)
    assert due_next == moment


Month = list[date]
"""Every day of one month."""


def of_weekday(month: Month, number: int) -> Month:
    """The days of a month that are this day of the week; AWS counts from 1 for Sunday."""
    names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    return [day for day in month if f"{day:%A}" == names[number - 1]]


def nearest_workday(month: Month, number: int) -> Month:
    """The Monday to Friday nearest to a day of the month, among the days of the month."""
    if number > len(month):
        return []
    workdays = [day for day in month if calendar.weekday(day.year, day.month, day.day) < 5]
    return [min(workdays, key=lambda day: abs(day.day - number))]


def expected_days(select: Callable[[Month], Month]) -> list[date]:
    months = [
        [date(year, month, 1) + timedelta(days=number) for number in range(calendar.monthrange(year, month)[1])]
        for year in YEARS
        for month in range(1, 13)
    ]
    return [day for month in months for day in select(month)]


def actual_days(day_of_month: str, day_of_week: str) -> list[date]:
    """The days on which an expression is due within the years, asked for again and again."""
    when = cron.parse(f"cron(0 0 {day_of_month} * {day_of_week} {YEARS[0]}-{YEARS[-1]})")
    days = []
    moment: datetime | None = datetime(YEARS[0] - 1, 12, 31, 23, tzinfo=UTC)
    while moment and (moment := when.after(moment, UTC)):
        days.append(moment.date())
    return days


@pytest.mark.parametrize("number", range(1, 8))
def test_a_weekday_with_l_is_its_last_in_each_month(number: int) -> None:
    expected = expected_days(lambda month: [max(of_weekday(month, number))])
    assert actual_days("?", f"{number}L") == expected
    assert {calendar.monthrange(day.year, day.month)[1] - day.day for day in expected} == set(range(7))


@pytest.mark.parametrize("nth", range(1, 6))
@pytest.mark.parametrize("number", range(1, 8))
def test_a_weekday_with_a_number_sign_is_its_nth_in_each_month(number: int, nth: int) -> None:
    assert actual_days("?", f"{number}#{nth}") == expected_days(lambda month: of_weekday(month, number)[nth - 1 : nth])


def test_l_is_the_last_day_of_each_month_or_week() -> None:
    assert actual_days("L", "?") == expected_days(lambda month: [max(month)])
    assert actual_days("LW", "?") == expected_days(lambda month: nearest_workday(month, len(month)))
    assert actual_days("?", "L") == expected_days(lambda month: of_weekday(month, 7))


@pytest.mark.parametrize("number", range(1, 32))
def test_a_day_with_w_is_the_nearest_workday_of_its_month(number: int) -> None:
    assert actual_days(f"{number}W", "?") == expected_days(lambda month: nearest_workday(month, number))


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 31), st.integers(1, 31))
@settings(max_examples=25, deadline=None)
def test_ranges_and_steps_of_days(first: int, last: int, start: int, step: int) -> None:
    weekdays = range(first, last + 1) if first <= last else [*range(first, 8), *range(1, last + 1)]
    assert actual_days("?", f"{first}-{last}") == expected_days(
        lambda month: sorted(day for number in weekdays for day in of_weekday(month, number))
    )
    assert actual_days(f"{start}/{step}", "?") == expected_days(lambda month: month[start - 1 :: step])
