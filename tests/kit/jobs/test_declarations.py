"""Mistakes in a declaration are reported when its module is imported; backoff delays are as documented."""

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.jobs import JobError, cron, exponential, fixed, registry, schedules
from kit.jobs.backoff import DEFAULT

START = "from kit.jobs import *\nfrom kit.jobs import schedule\n"


@pytest.fixture(autouse=True)
def _registries() -> Iterator[None]:
    jobs, plans = dict(registry.jobs), dict(registry.schedules)
    yield
    for known, before in ((registry.jobs, jobs), (registry.schedules, plans)):
        known.clear()  # type: ignore[attr-defined]
        known.update(before)  # type: ignore[attr-defined]


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
        ("@job(backoff=[])\ndef f(): ...", "takes delays"),
        ("@job(queue='Mail')\ndef f(): ...", "lower-case letters"),
        ("@job(log_arguments=1)\ndef f(): ...", "True or False"),
        ("@job\ndef f(*names): ...", "arguments are sent by name"),
        ("@job\ndef f(delay): ...", "'delay' is an option of enqueue"),
        ("@job\ndef f():\n yield 1", "is a generator"),
        ("job(3)", "must decorate a function"),
        ("@job\nclass C: ...", "must decorate a function, got <class"),
        ("def g():\n @job\n def f(): ...\ng()", "inside a function"),
        ("@job\ndef f(): ...\n@job\ndef f(): ...", "There are two jobs named declared.f"),
        ("def f(): ...\na = job(f)\nb = job(queue='mail')(f)", "There are two jobs named declared.f"),
        ("a = job(lambda: 1)", "write def"),
        ("@job(queue='q' * 27)\ndef f(): ...", "use up to 26"),
        ("@job(queue='mail-dead')\ndef f(): ...", "those of dead-letter queues"),
        ("@job(queue='mail-dead.fifo')\ndef f(): ...", "those of dead-letter queues"),
        ("def f(): ...\nf.__qualname__ = 'f' * 300\njob(f)", "the limit for a job's name is 255"),
        ("def f(): ...\nf.__qualname__ = '\\ud800'\njob(f)", "unprintable characters"),
        ("@job(max_runtime=10**400)\ndef f(): ...", "max_runtime is a number of 1329 bits"),
        ("@job(backoff=lambda: 1)\ndef f(): ...", r"backoff\(1\) raises TypeError"),
        ("@job(backoff=lambda n: None)\ndef f(): ...", r"backoff\(1\) returns None"),
        ("@job(backoff=lambda n: float('nan'))\ndef f(): ...", r"backoff\(1\) returns nan"),
        ("@schedule(None)\n@job\ndef f(): ...", "expression is None"),
        ("@schedule('rate(5 minutes)', timezone=None)\n@job\ndef f(): ...", "Unknown time zone None"),
        ("@schedule('rate(5 minutes)', timezone=['UTC'])\n@job\ndef f(): ...", "Unknown time zone"),
        ("@schedule('rate(5 minutes)', overlap=[])\n@job\ndef f(): ...", "skip or queue"),
        ("@schedule('rate(5 minutes)', name=5)\n@job\ndef f(): ...", "up to 64 letters"),
        ("@schedule('rate(5 minutes)', name='')\n@job\ndef f(): ...", "up to 64 letters"),
        ("@schedule('cron(* * * *)')\n@job\ndef f(): ...", "it has 4 fields"),
        ("@schedule('cron(0 3 * * * *)')\n@job\ndef f(): ...", r"exactly one of .* must be \?"),
        ("@schedule('cron(0 24 * * ? *)')\n@job\ndef f(): ...", "hours is '24'"),
        ("@schedule('cron(0 3 31 2 ? *)')\n@job\ndef f(): ...", "never due"),
        ("@schedule('cron(0 3 1 13 ? *)')\n@job\ndef f(): ...", "month is '13'"),
        ("@schedule('cron(0 3 ? * FRI#6 *)')\n@job\ndef f(): ...", "which is not valid"),
        ("@schedule('cron(0 3 ? * 8L *)')\n@job\ndef f(): ...", "from 1 to 7"),
        ("@schedule('cron(*-5 3 * * ? *)')\n@job\ndef f(): ...", "which is not valid"),
        ("@schedule('cron(1- 3 * * ? *)')\n@job\ndef f(): ...", "which is not valid"),
        ("@schedule('cron(0 3 * * ? *')\n@job\ndef f(): ...", r"write it as cron\("),
        ("@schedule('rate(1 hours)')\n@job\ndef f(): ...", r"rate\(1 hour\)"),
        ("@schedule('rate(5 weeks)')\n@job\ndef f(): ...", r"write it as cron\("),
        ("@schedule('rate(5 minutes)', timezone='Asia/Atlantis')\n@job\ndef f(): ...", "Unknown time zone"),
        ("@schedule('rate(5 minutes)', overlap='maybe')\n@job\ndef f(): ...", "skip or queue"),
        ("@schedule('rate(5 minutes)', name='a b')\n@job\ndef f(): ...", "up to 64 letters"),
        ("@schedule('rate(5 minutes)')\ndef f(): ...", "goes above @job"),
        ("@schedule('rate(5 minutes)')\n@job\ndef f(x): ...", "Give 'x' a default"),
        (
            "@schedule('rate(5 minutes)')\n@schedule('rate(1 day)')\n@job\ndef f(): ...",
            "another schedule named 'f'. Give this one a name",
        ),
    ],
)
def test_a_mistake_is_reported_at_import(code: str, why: str) -> None:
    with pytest.raises(JobError, match=why):
        module(code)


def test_a_job_in_a_script_is_rejected_and_the_error_says_where_it_belongs(tmp_path: Path) -> None:
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
def test_a_backoff_takes_only_numbers(first: Any) -> None:
    for make in (lambda: exponential(first=first), lambda: exponential(most=first), lambda: fixed(first)):
        with pytest.raises(ValueError, match="takes"):
            make()


def test_a_delay_beyond_the_range_of_a_float_is_the_longest() -> None:
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
def test_each_delay_is_between_half_and_all_of_its_length(attempt: int) -> None:
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


def test_fixed_delays_are_used_in_turn() -> None:
    wait = fixed(10, 60, jitter=0)
    assert [wait(attempt) for attempt in (1, 2, 3)] == [10, 60, 60]


def test_on_lambda_a_schedule_is_declared_without_parsing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cold start has no time for it; every import on a laptop or in CI has parsed it before."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    monkeypatch.setattr(cron, "parse", None)
    monkeypatch.setattr(schedules, "_zone", None)
    declared = module("@schedule('cron(0 3 * * ? *)', timezone='Asia/Tokyo')\n@job\ndef nightly(): ...")
    assert [one.timezone for one in declared.nightly.schedules] == ["Asia/Tokyo"]
