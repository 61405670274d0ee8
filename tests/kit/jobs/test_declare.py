"""Mistakes in a declaration are told when the module is imported; backoff and cron do what they say."""

import calendar
import runpy
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.jobs import JobError, cron, decorators, exponential, fixed, schedules
from kit.jobs.backoff import DEFAULT

START = "from kit.jobs import *\nfrom kit.jobs import schedule\n"


@pytest.fixture(autouse=True)
def _registries() -> Iterator[None]:
    jobs, plans = dict(decorators.registry), dict(schedules.registry)
    yield
    for registry, before in ((decorators.registry, jobs), (schedules.registry, plans)):
        registry.clear()  # type: ignore[attr-defined]
        registry.update(before)  # type: ignore[attr-defined]


def module(code: str) -> Any:
    made = ModuleType("declared")
    sys.modules["declared"] = made
    exec(START + code, made.__dict__)  # noqa: S102 - the test's own code
    return made


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("@job(attemts=3)\ndef f(): ...", "no option 'attemts', did you mean 'attempts'"),
        ("@job(retries=3)\ndef f(): ...", "did you mean 'attempts'"),
        ("@job(attempts=0)\ndef f(): ...", "give a number from 1 to 1000"),
        ("@job(attempts=True)\ndef f(): ...", "give a number from 1 to 1000"),
        ("@job(max_runtime=hours(12))\ndef f(): ...", "at most 39600 s"),
        ("@job(max_runtime='1h')\ndef f(): ...", "give seconds, or a duration"),
        ("@job(backoff='often')\ndef f(): ...", "give seconds, a list of seconds"),
        ("@job(backoff=[])\ndef f(): ...", "takes pauses"),
        ("@job(queue='Mail')\ndef f(): ...", "lower-case letters"),
        ("@job(log_arguments=1)\ndef f(): ...", "True or False"),
        ("@job\ndef f(*names): ...", "each argument travels by its name"),
        ("@job\ndef f(delay): ...", "'delay' is an option of enqueue"),
        ("@job\ndef f():\n yield 1", "yields"),
        ("job(3)", "right above a function"),
        ("@job\nclass C: ...", "right above a function"),
        ("def g():\n @job\n def f(): ...\ng()", "inside a function"),
        ("@job\ndef f(): ...\n@job\ndef f(): ...", "There are two jobs called declared.f"),
        ("def f(): ...\na = job(f)\nb = job(queue='mail')(f)", "There are two jobs called declared.f"),
        ("a = job(lambda: 1)", "write def"),
        ("@job(queue='q' * 61)\ndef f(): ...", "take up to 60"),
        ("def f(): ...\nf.__qualname__ = 'f' * 300\njob(f)", "255 is the most"),
        ("def f(): ...\nf.__qualname__ = '\\ud800'\njob(f)", "half a character"),
        ("@job(max_runtime=10**400)\ndef f(): ...", "max_runtime is a number of 1329 bits"),
        ("@job(backoff=lambda: 1)\ndef f(): ...", r"backoff\(1\) raises TypeError"),
        ("@job(backoff=lambda n: None)\ndef f(): ...", r"backoff\(1\) gives None"),
        ("@job(backoff=lambda n: float('nan'))\ndef f(): ...", r"backoff\(1\) gives nan"),
        ("@schedule(None)\n@job\ndef f(): ...", "expression is None"),
        ("@schedule('rate(5 minutes)', timezone=None)\n@job\ndef f(): ...", "timezone is None"),
        ("@schedule('rate(5 minutes)', timezone=['UTC'])\n@job\ndef f(): ...", "no zone"),
        ("@schedule('rate(5 minutes)', overlap=[])\n@job\ndef f(): ...", "skip or queue"),
        ("@schedule('rate(5 minutes)', name=5)\n@job\ndef f(): ...", "up to 64 letters"),
        ("@schedule('rate(5 minutes)', name='')\n@job\ndef f(): ...", "up to 64 letters"),
        ("@schedule('cron(* * * *)')\n@job\ndef f(): ...", "it has 4 fields"),
        ("@schedule('cron(0 3 * * * *)')\n@job\ndef f(): ...", r"exactly one of .* is \?"),
        ("@schedule('cron(0 24 * * ? *)')\n@job\ndef f(): ...", "hours is '24'"),
        ("@schedule('cron(0 3 1 13 ? *)')\n@job\ndef f(): ...", "month is '13'"),
        ("@schedule('cron(0 3 31 2 ? *)')\n@job\ndef f(): ...", "never due"),
        ("@schedule('cron(0 3 ? * FRI#6 *)')\n@job\ndef f(): ...", "which cannot be read"),
        ("@schedule('cron(0 3 ? * 8L *)')\n@job\ndef f(): ...", "from 1 to 7"),
        ("@schedule('cron(*-5 3 * * ? *)')\n@job\ndef f(): ...", "which cannot be read"),
        ("@schedule('cron(1- 3 * * ? *)')\n@job\ndef f(): ...", "which cannot be read"),
        ("@schedule('cron(0 3 * * ? *')\n@job\ndef f(): ...", r"write it as cron\("),
        ("@schedule('rate(1 hours)')\n@job\ndef f(): ...", r"rate\(1 hour\)"),
        ("@schedule('rate(5 weeks)')\n@job\ndef f(): ...", r"write it as cron\("),
        ("@schedule('rate(5 minutes)', timezone='Asia/Atlantis')\n@job\ndef f(): ...", "no zone"),
        ("@schedule('rate(5 minutes)', overlap='maybe')\n@job\ndef f(): ...", "skip or queue"),
        ("@schedule('rate(5 minutes)', name='a b')\n@job\ndef f(): ...", "up to 64 letters"),
        ("@schedule('rate(5 minutes)')\ndef f(): ...", "stands above @job"),
        ("@schedule('rate(5 minutes)')\n@job\ndef f(x): ...", "Give it a default"),
        ("@schedule('rate(5 minutes)')\n@schedule('rate(1 day)')\n@job\ndef f(): ...", "already; give this one a name"),
    ],
)
def test_a_mistake_is_told_at_import(code: str, why: str) -> None:
    with pytest.raises(JobError, match=why):
        module(code)


def test_a_job_in_a_script_is_refused_with_where_it_belongs(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(START + "@job\ndef f(): ...\n")
    with pytest.raises(
        JobError, match=r"declared in a script \(__main__\), where no worker finds it. Move it to app.jobs"
    ):
        runpy.run_path(str(script), run_name="__main__")


def test_a_module_may_be_reloaded_and_imported_again() -> None:
    made = module("@job\ndef f(): ...")
    exec(START + "@job\ndef f(): ...", made.__dict__)  # noqa: S102 - as importlib.reload does
    module("\n\n@job\ndef f(): ...")


@pytest.mark.parametrize("first", ["x", None, float("nan")])
def test_a_backoff_of_no_numbers_is_refused(first: Any) -> None:
    for make in (lambda: exponential(first=first), lambda: exponential(most=first), lambda: fixed(first)):
        with pytest.raises(ValueError, match="takes"):
            make()


def test_a_pause_that_no_float_can_hold_is_the_longest() -> None:
    assert exponential(1.5, 1e10, 60, jitter=0)(1000) == 60


def test_a_job_is_still_the_function_and_knows_where_it_runs() -> None:
    made = module(
        "@schedule('cron(0 3 * * ? *)', name='nightly')\n@schedule('rate(1 day)')\n"
        "@job(max_runtime=minutes(15))\ndef short(x=1): return x\n"
        "@job(max_runtime=minutes(16))\nasync def long(): ...\n"
    )
    assert made.short(3) == 3
    assert (made.short.on_fargate, made.long.on_fargate) == (False, True)
    assert [one.name for one in made.short.schedules] == ["short", "nightly"]


@given(st.integers(1, 2000))
def test_each_pause_lies_between_half_the_figure_and_the_figure(attempt: int) -> None:
    full = min(6 * 3600, 15 * 2 ** (attempt - 1))
    assert full / 2 <= DEFAULT(attempt) <= full


@given(
    st.floats(0.1, 3600),
    st.floats(1, 10),
    st.floats(3600, 39600),
    st.floats(0, 1),
    st.integers(1, 1000),
)
def test_backoff_stays_within_its_bounds(first: float, factor: float, most: float, jitter: float, n: int) -> None:
    pause = exponential(first, factor, most, jitter)(n)
    assert min(first, most) * (1 - jitter) * 0.999 <= pause <= most


def test_pauses_that_are_named_are_taken_in_turn() -> None:
    wait = fixed(10, 60, jitter=0)
    assert [wait(attempt) for attempt in (1, 2, 3)] == [10, 60, 60]


def due(expression: str, start: datetime, zone: str = "UTC", times: int = 3) -> list[str]:
    found = []
    moment: datetime | None = start
    for _ in range(times):
        assert moment
        moment = cron.parse(expression).after(moment, ZoneInfo(zone))
        found.append(f"{moment:%Y-%m-%d %H:%M}" if moment else "never")
        if moment is None:
            break
    return found


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

    found = cron.parse(f"cron({join(minutes)} {join(hours)} ? * {join(days)} *)").after(start, UTC)
    assert found
    moment = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while not (moment.minute in minutes and moment.hour in hours and moment.isoweekday() % 7 + 1 in days):
        if moment.isoweekday() % 7 + 1 not in days:
            moment = datetime.combine(moment.date() + timedelta(days=1), datetime.min.time(), UTC)
        elif moment.hour not in hours:
            moment = moment.replace(minute=0) + timedelta(hours=1)
        else:
            moment += timedelta(minutes=1)
    assert found == moment


@given(st.integers(1, 31), st.integers(2000, 2100), st.integers(1, 12))
def test_w_is_a_working_day_of_the_same_month(day: int, year: int, month: int) -> None:
    length = calendar.monthrange(year, month)[1]
    fitting = [
        date(year, month, one) for one in range(1, length + 1) if cron._monthday(f"{day}W")(date(year, month, one))
    ]
    assert len(fitting) == (1 if day <= length else 0)
    assert all(one.isoweekday() <= 5 and abs(one.day - day) <= 2 for one in fitting)
