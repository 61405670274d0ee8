"""The forecast of a spike: it agrees with an exact simulation, names what refuses requests, and says what helps."""

import json
import os
import random
import re
import subprocess
import sys
import time
from array import array
from dataclasses import replace
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import moto_stage
import pytest
from exact_spike import ExactSpike
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kit.cli import main as command
from kit.coldstart.start import Start
from kit.errors import UsageError
from kit.ops import cost, iac
from kit.ops.cost_model import DeployedResources
from kit.ops.spike import app_times, arrivals, edge, forecast, simulation, table
from kit.ops.spike.scenario import Scenario
from kit.ops.spike.simulation import API, QUOTA, SCALING

QUIET = Scenario(visitors=3000, minutes=1, cold_ms=800, warm_ms=10)
"""A spike that a usual account carries."""
EXAMPLES = int(os.environ.get("SPIKE_EXAMPLES", "20"))
RESOURCES = DeployedResources.by_default()

small = st.builds(
    Scenario,
    visitors=st.integers(50, 700),
    minutes=st.sampled_from([0.1, 0.3, 0.5]),
    requests=st.integers(1, 3),
    ramp=st.sampled_from([0, 3, 10]),
    pause=st.sampled_from([0.5, 3]),
    cold_ms=st.sampled_from([100, 700, 2000]),
    warm_ms=st.sampled_from([3, 50, 400]),
    spread=st.just(1),  # so that the exact simulation is random only in the moments of arrival, which both have
    environments=st.sampled_from([5, 20, 60, 1000]),
    scaling=st.sampled_from([5, 50, 1000]),
    reserved=st.sampled_from([-1, -1, 10]),
    throttle_rate=st.sampled_from([5, 50, 500]),
    throttle_burst=st.sampled_from([10, 50, 1000]),
    jobs=st.just(0),
    seed=st.integers(1, 1000),
)


def moments(drawn: arrivals.Arrivals) -> list[float]:
    """A moment of each request within its time slice."""
    rng = random.Random(7)
    return sorted((at + rng.random()) * drawn.slice for at, number in enumerate(drawn.counts) for _ in range(number))


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.generate])
@given(small)
def test_time_slices_agree_with_an_exact_simulation(scenario: Scenario) -> None:
    drawn = arrivals.draw(scenario, Random(scenario.seed))
    outcome, exact = simulation.simulate(scenario, drawn), ExactSpike(scenario, moments(drawn), int(scenario.seed))
    requests = int(scenario.visitors * scenario.requests)
    assert outcome.requests == requests == outcome.warm + outcome.cold + sum(outcome.refused.values())
    few = max(3, 0.02 * requests)
    for name, number in {
        "warm": outcome.warm,
        "cold": outcome.cold,
        "api": outcome.refused[API],
        "quota": outcome.refused[QUOTA],
        "scaling": outcome.refused[SCALING],
    }.items():
        assert number == pytest.approx(exact.counts[name], abs=few), (name, outcome.refused, exact.counts)
    assert outcome.environments == pytest.approx(exact.environments, abs=max(2, 0.03 * exact.environments))
    assert outcome.busy == pytest.approx(exact.most_busy, abs=max(2, 0.03 * exact.most_busy))


@pytest.mark.parametrize(
    "scenario",
    [
        replace(QUIET, spread=3, warm_ms=200, jobs=1, job_ms=400, jobs_concurrency=10),
        replace(QUIET, spread=2, ramp=0, cold_ms=3000, jobs=1, job_ms=500, jobs_concurrency=12, environments=200),
    ],
)
def test_response_times_and_the_queue_agree_with_an_exact_simulation(scenario: Scenario) -> None:
    drawn = arrivals.draw(scenario, Random(1))
    outcome, exact = simulation.simulate(scenario, drawn), ExactSpike(scenario, moments(drawn), 1)
    ordered = sorted(exact.milliseconds)
    for percentile, ms in forecast.percentiles(outcome).items():
        assert ms == pytest.approx(ordered[len(ordered) * percentile // 100], rel=0.1), percentile
    assert outcome.environments == pytest.approx(exact.environments, rel=0.1)
    assert outcome.jobs == pytest.approx(exact.counts["jobs"], rel=0.1)
    assert outcome.queue_empty == pytest.approx(exact.queue_empty, rel=0.1)


def test_the_costs_are_those_of_the_cost_model_for_what_was_served() -> None:
    prices, _ = cost.read_prices("us-east-1")
    result = of(replace(QUIET, spread=1, jobs=0, throttle_rate=40, throttle_burst=10))
    assert sum(result.refused.values()) > 0
    served = result.invocations
    seconds = (served - result.environments) * 0.010 + result.environments * 0.800
    usd = prices.by_name["http-api"].of(served) + prices.by_name["lambda-arm64"].of(seconds)
    assert usd < result.usd < 1.5 * usd + prices.by_name["data-out"].of(served * 8 / 1e6) + 0.01
    behind_cdn = of(replace(QUIET, cdn=1))
    assert behind_cdn.from_cdn + behind_cdn.invocations >= behind_cdn.requests
    answered = prices.by_name["http-api"].of(behind_cdn.invocations)
    asked = prices.by_name["cdn-requests"].of(behind_cdn.requests)
    assert answered + asked < behind_cdn.usd < of(QUIET).usd


def test_the_share_of_visitors_is_that_of_people_not_of_requests() -> None:
    """Each of 1,000 visitors makes three requests; those at one of two moments meet a cold start or are refused."""
    sample = array("L", [0, 10, 20, 1, 10, 21] * 500)
    drawn = arrivals.Arrivals(0.001, array("L", [500, 500] + [0] * 8 + [1000] + [0] * 9 + [500, 500]), sample)
    outcome = simulation.Outcome(replace(QUIET, requests=3), drawn, edge.Passed(drawn.counts, drawn.counts))
    outcome.met = {0: (1.0, 0.0), 10: (0.5, 0.25)}
    assert outcome.share_of_visitors() == (pytest.approx(0.75), pytest.approx(0.25))


def test_a_cdn_asks_for_each_page_once_per_place_and_time_to_live() -> None:
    scenario = replace(QUIET, visitors=12_000, requests=1, cdn=1, cacheable=1, ttl=2, pages=3, caches=4)
    drawn = arrivals.draw(scenario, Random(1))
    passed = edge.pass_on(scenario, drawn, Random(1))
    assert sum(passed.waiting) == 12, "only the first request for each copy waits"
    most = 12 * len(drawn.counts) * drawn.slice / 2
    assert 0.8 * most < sum(passed.background) <= most
    assert sum(edge.pass_on(replace(scenario, cacheable=0), drawn, Random(1)).waiting) == 12_000


def of(scenario: Scenario) -> forecast.Forecast:
    return forecast.of(scenario, RESOURCES, "us-east-1")


def test_a_spike_that_is_carried_has_nothing_to_change() -> None:
    result = of(QUIET)
    assert (sum(result.refused.values()), result.advice) == (0, [])
    assert 0 < result.visitors_cold < 0.05
    assert result.ms[50] == pytest.approx(QUIET.network_ms + QUIET.warm_ms, rel=0.02)
    assert result.connections >= result.environments >= result.busy > 10


@pytest.mark.parametrize(
    ("change", "cause", "sentence"),
    [
        ({"throttle_rate": 50, "throttle_burst": 20}, API, r"Set throttle_rate to \d+ and throttle_burst to \d+"),
        ({"environments": 10}, QUOTA, r"make quota ENVIRONMENTS=1000\."),
        ({"reserved": 5}, QUOTA, "Set web_reserved_concurrency to -1"),
        ({"scaling": 10, "ramp": 0, "cold_ms": 5000}, SCALING, "No setting raises Lambda's scaling rate"),
    ],
)
def test_what_refuses_requests_is_named_with_what_helps(change: dict[str, float], cause: str, sentence: str) -> None:
    result = of(replace(QUIET, **change))
    assert result.first_refusal
    assert result.first_refusal[1] == cause == max(result.refused, key=result.refused.__getitem__)
    assert 0 < result.visitors_refused <= 1
    assert re.search(sentence, result.advice[0]), result.advice
    text = "\n".join(table.lines(result, colours=False))
    assert f"first by {cause}, after" in text


def test_the_advice_holds() -> None:
    result = of(replace(QUIET, environments=10, throttle_rate=20, jobs_concurrency=5))
    assert "With these settings no request is refused." in result.advice
    numbers = re.findall(
        r"throttle_rate to ([\d,]+) and throttle_burst to ([\d,]+)|ENVIRONMENTS=(\d+)", str(result.advice)
    )
    rate, burst, environments = (
        int(next(filter(None, group)).replace(",", "")) for group in zip(*numbers, strict=True)
    )
    changed = replace(QUIET, environments=environments, throttle_rate=rate, throttle_burst=burst)
    assert sum(of(changed).refused.values()) == 0


def test_ten_requests_a_second_for_each_environment_however_short() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: Lambda API requests."""
    flood = replace(QUIET, visitors=50_000, requests=1, ramp=0, warm_ms=1, cold_ms=1, environments=10, throttle_rate=1e6, throttle_burst=1e6)  # fmt: skip
    served = of(flood).invocations
    assert served / flood.seconds == pytest.approx(100, rel=0.02)


def test_environments_start_at_a_thousand_and_then_a_hundred_a_second() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html"""
    flood = replace(QUIET, visitors=200_000, minutes=0.5, requests=1, ramp=0, cold_ms=60_000, environments=1e6, throttle_rate=1e6, throttle_burst=1e6)  # fmt: skip
    seconds = simulation.simulate(flood).seconds
    assert [seconds[at].environments for at in (0, 10, 20)] == pytest.approx([1100, 2100, 3100], abs=2)


def test_jobs_start_with_five_batches_and_add_300_a_minute() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
    flood = replace(QUIET, minutes=0.5, requests=1, ramp=0, jobs=1000, job_ms=1000, jobs_concurrency=1000)
    seconds = simulation.simulate(flood).seconds
    assert [seconds[at].jobs_busy for at in (0, 12, 24)] == pytest.approx([9, 69, 129], abs=5)
    late = forecast.of(replace(flood, jobs_concurrency=10, jobs=10), RESOURCES, "us-east-1")
    assert any(re.match(r"Set jobs_concurrency to \d+", sentence) for sentence in late.advice)


def test_too_many_transactions_are_said_with_the_plans() -> None:
    [sentence] = of(replace(QUIET, warm_ms=900, transactions=70)).advice
    assert re.match(
        r"The database must carry \d+ transactions at once, and carries 70 \(PlanetScale's PS-10: 70", sentence
    )


def test_a_million_visitors_take_less_than_ten_seconds() -> None:
    """By default the first twentieth of a million within five minutes."""
    visitors, begun = int(os.environ.get("SPIKE_VISITORS", "50_000")), time.process_time()
    result = of(replace(QUIET, visitors=visitors, minutes=5 * visitors / 1_000_000))
    assert result.requests == 4 * visitors
    assert result.advice, "so that the spike was simulated again with other settings"
    assert time.process_time() - begun < max(2, 10 * visitors / 1_000_000)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["kit", "spike", *arguments])
    return command.main()


KNOWN = ("--cold-ms=900", "--warm-ms=10")
"""So that nothing is measured."""


def test_the_command_prints_a_table_and_writes_a_picture_and_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    svg, numbers = tmp_path / "spike.svg", tmp_path / "spike.json"
    options = ("--visitors=5000", "--minutes=1", "--environments=10", f"--svg={svg}", f"--json={numbers}")
    assert run(monkeypatch, *KNOWN, *options) == 0
    output, notes = capsys.readouterr()
    assert output.startswith("5,000 visitors in 1 min, 4 requests each\n")
    assert "\033" not in output, "plain in a pipe"
    assert re.search(r"^ +--jobs-concurrency +5  environments", notes, re.MULTILINE), "as make deploy lowers it"
    assert len({line.index("▪") for line in output.splitlines() if "▪" in line}) == 1, "aligned"
    document = json.loads(numbers.read_text())
    assert document["requests"] == 20_000 == document["invocations"] + sum(document["refused"].values())
    for moments_of in (document["timeline"], document["course"]):
        assert sum(moment["refused"] for moment in moments_of) == sum(document["refused"].values())
    texts = [text.text for text in ElementTree.fromstring(svg.read_text()).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - our own
    assert "environments at once" in texts


def test_json_on_standard_output_is_alone_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *KNOWN, "--visitors=100", "--minutes=1", "--jobs=1000", "--job-ms=600000", "--json=-") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["queue_empty"] is None, "not within a day, and JSON has no infinity"
    assert set(document["ms"]) == {"50", "95", "99"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--visitors=0"], "visitors is 0, which is not between 1 and 20,000,000. Example: make spike VISITORS=50000"),
        (["--visitors=1.5"], "visitors is 1.5; expected a whole number."),
        (["--minutes=-5"], "minutes is -5, which is not between"),
        (["--minutes=1440"], "For a whole day: make cost"),
        (["--visitors=nan"], "visitors is nan"),
        (["--visitors=20000000", "--requests=4"], "more than 20,000,000 requests."),
        (["--warm-ms=40000"], "API Gateway ends a request after 30 seconds."),
        ([*KNOWN, "--visitors=10", "--svg=/proc/x.svg"], "Can't write /proc/x.svg: No such file"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert run(monkeypatch, *options) == 2
    assert sentence in capsys.readouterr().err


def test_words_are_refused_as_numbers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--visitors=many")
    assert "invalid number 'many'; expected one such as 1000" in capsys.readouterr().err


def test_a_stage_is_forecast_with_its_settings_quota_and_logs(
    app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = app_times.AppTimes(700, 9, None, "700 ms cold and 9 ms warm")
    monkeypatch.setattr(app_times, "measure", lambda memory: here)
    monkeypatch.setattr(iac, "PROJECT", app)
    monkeypatch.setattr("kit.ops.stage.project_name", lambda: "my-app")
    with moto_stage.running(monkeypatch) as session:
        moto_stage.quota(monkeypatch, 10)
        moto_stage.write(session, "web", *({"message": "GET /", "ms": 21 + at % 7} for at in range(200)))
        assert run(monkeypatch, "--stage=prod", "--visitors=500", "--minutes=0.2") == 0
        output, notes = capsys.readouterr()
        moto_stage.quota(monkeypatch, None)
        assert run(monkeypatch, "--stage=prod", "--visitors=500", "--minutes=0.2") == 0
        without_quota = capsys.readouterr().err
    assert re.search(r"^ +--warm-ms +24  ", notes, re.MULTILINE), notes
    assert re.search(r"^ +--cold-ms +700  ", notes, re.MULTILINE)
    assert "from 200 requests in the logs of my-app-prod" in notes
    assert " at once, of 10, 100 requests a second" in output
    assert "--environments: of this account" in notes
    assert (
        "--environments: the account's is unknown. Access denied: your role lacks lambda:GetAccountSettings"
        in without_quota
    )


def test_the_apps_times_are_measured_here(app: Path) -> None:
    arguments = ["-m", "kit", "spike", "--visitors=300", "--minutes=0.2", "--memory=442"]
    done = subprocess.run([sys.executable, *arguments], cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^--cold-ms: \d+ ms cold and [\d.]+ ms warm on this machine", done.stderr, re.MULTILINE)
    assert "at 25% of a processor" in done.stderr
    assert "GET / ANSWERED WITH STATUS 503: make migrate" in done.stderr, "so that nobody takes an error for the page"


def test_a_measured_time_is_converted_to_lambdas_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: 1,769 MB have one processor."""
    begun = Start(100, {"connection": 20, "first": 10, "next": 2, "status": 200}, {"app": 120})
    monkeypatch.setattr("kit.coldstart.start.start", lambda path: begun)
    whole, quarter, more = (app_times.measure(memory) for memory in (1769, 442.25, 10_240))
    assert (whole.cold, whole.warm) == pytest.approx((250 + app_times.IMAGE_MS + 10, 2 + 3)) == (more.cold, more.warm)
    assert (quarter.cold, quarter.warm) == pytest.approx((1000 + app_times.IMAGE_MS + 10, 8 + 3))


def test_an_unreachable_database_is_said_with_the_options_that_replace_a_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = Start(10, {"unreachable": "Connection refused", "connection": 0}, {})
    monkeypatch.setattr("kit.coldstart.start.start", lambda path: begun)
    with pytest.raises(UsageError, match=r"can't be reached \(Connection refused\)\. State them: make spike ARGS="):
        app_times.measure(1024)
