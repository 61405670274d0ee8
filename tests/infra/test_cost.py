"""`make cost`: the model matches what is deployed, and an idle month costs less than a dollar."""

import io
import logging
import os
import random
import re
import sys
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from cases import CASES, describe_case
from independent_bill import DAYS, PRICE_LISTS, Abuse, Bill, Day, fetches, night, night_behind_cdn
from normalize import flat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kit import logs, settings, web
from kit.cli import main as command
from kit.ops import cost, cost_model
from kit.ops.cost_model import DeployedResources, TrafficModel

LIMIT = 1.00
"""USD a month without the free tier."""

PRICED = {
    "functions",
    "api",
    "queues",
    "sources",
    "schedules",
    "tasks",
    "logs",
    "alarms",
    "dashboards",
    "repositories",
    "cdn",
}
"""Parts of the system with a price in the model."""
FREE = {
    "aliases": "versions and aliases cost what their code's storage does: nothing for images",
    "versions": "as aliases",
    "async": "a setting",
    "calls": "a permission",
    "groups": "a name",
    "rules": "events of AWS's services are free; your own cost by event",
    "queue policies": "a permission",
    "clusters": "a cluster costs nothing without tasks; Container Insights would, which no description has",
    "roles": "IAM is free",
    "network": "a security group is free; an address costs while a task has one",
    "topics": "a topic costs by message; emails are free up to 1,000 a month",
    "subscriptions": "as topics",
    "buckets": "an empty bucket is free; what the user keeps there is not in the model",
    "parameters": "standard parameters are free",
    "others": "none",
    "kept when all is destroyed": "none",
    "kept when replaced": "revisions of a task definition are free",
}


def resources_of(index: int) -> DeployedResources:
    """The resources in a description, for the model."""
    system, called = describe_case("sam", index), CASES[index].resource_prefix
    web, jobs = (system["functions"][f"{called}-{part}"] for part in ("web", "jobs"))
    task = system["tasks"][called]
    fifo = {arn.rpartition(":")[2]: arn.endswith(".fifo") for arn in system["sources"] if ":sqs:" in arn}
    manifest = {
        "queues": [{"fifo": kind} for kind in fifo.values()],
        "jobs": (CASES[index].manifest or DeployedResources.by_default().manifest)["jobs"],
        "schedules": [
            {
                "expression": one["when"][0],
                "timezone": one["when"][1],
                "job": one["description"][7:],
                "runs_on": "lambda",
            }
            for one in system["schedules"].values()
        ],
    }
    return DeployedResources(
        manifest=manifest,
        architecture=web["architecture"][0],
        web_memory=web["memory"],
        web_reserved_concurrency=web["at most"],
        throttle_rate=system["api"]["at most"][0],
        throttle_burst=system["api"]["at most"][1],
        jobs_memory=jobs["memory"],
        task_cpu=task["size"][0],
        task_memory=task["size"][1],
        alarms=len(system["alarms"]),
        dashboards=len(system["dashboards"]),
        secrets=int(":secretsmanager:" in web["environment"]["DATABASE_URL_SECRET"]),
    )


def idle(resources: DeployedResources, region: str = "us-east-1", **assumed: float) -> float:
    prices, _ = cost.read_prices(region)
    return cost.columns(resources, TrafficModel(**assumed), prices)[0].total(prices)


def test_an_idle_month_costs_less_than_a_dollar_without_the_free_tier() -> None:
    assert 0 < idle(resources_of(0)) < LIMIT


def test_the_models_defaults_are_the_deployed_settings() -> None:
    deployed, assumed = resources_of(0), DeployedResources.by_default()
    for name in (
        "architecture",
        "web_memory",
        "web_reserved_concurrency",
        "throttle_rate",
        "throttle_burst",
        "jobs_memory",
        "task_cpu",
        "task_memory",
        "alarms",
        "dashboards",
        "secrets",
    ):
        assert getattr(assumed, name) == getattr(deployed, name), name
    of_code = [(one["expression"], one["timezone"]) for one in assumed.manifest["schedules"]]
    assert sorted(of_code) == sorted((one["expression"], one["timezone"]) for one in deployed.manifest["schedules"])
    assert [one["fifo"] for one in assumed.manifest["queues"]] == [one["fifo"] for one in deployed.manifest["queues"]]


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_every_part_of_the_system_has_a_price_or_is_known_to_be_free(index: int) -> None:
    system = describe_case("sam", index)
    assert system.keys() == PRICED | FREE.keys()
    assert system["others"] == []
    assert {metric[3] for path, metric in flat(system["alarms"]).items() if path.endswith("/metric")} <= {60, 300}


@pytest.mark.parametrize(
    "more",
    [{"dashboards": 1}, {"alarms": 7}, {"secrets": 1}],
    ids=["a dashboard", "two alarms more", "a secret in Secrets Manager"],
)
def test_additional_resources_exceed_the_limit(more: dict[str, int]) -> None:
    resources = resources_of(0)
    assert idle(DeployedResources(**(vars(resources) | more))) > LIMIT


def test_a_day_costs_what_it_uses() -> None:
    traffic = TrafficModel(requests=2, ms=500, answer_kb=1000, jobs=0)
    used = cost_model.day(resources_of(0), traffic, 1_000_000, 60, poll_seconds=0)
    prices, _ = cost.read_prices()
    bill = {name: round(prices.by_name[name].of(units), 2) for name, units in used.items()}
    # A response of 1,000 KB counts as two requests to the API.
    assert (bill["http-api"], bill["lambda-requests"], bill["lambda-arm64"]) == (4.00, 0.40, 13.33)
    assert (bill["data-out"], used["ipv4"], bill["fargate-cpu-arm64"]) == (180.00, 1, 0.02)


def test_every_price_is_used_and_has_a_date_and_a_source() -> None:
    prices, document = cost.read_prices()
    arm = DeployedResources.by_default()
    both = [arm, DeployedResources(**(vars(arm) | {"architecture": "x86_64"}))]
    used = {
        name
        for resources in [*both, *(replace(arm, cdn=cdn) for cdn in cost_model.CDN)]
        for column in cost.columns(resources, TrafficModel(), prices)
        for name in column.usage
    }
    assert used | {"sqs-fifo"} == prices.by_name.keys()
    database = document["database"]
    for one in [*document["price"].values(), *document["region"].values(), database, *map(database.get, EXTRA)]:
        assert date.fromisoformat(f"{one['seen']}-01") <= date.today()
        assert one.get("page", one.get("source", "")).startswith("https://")
    for region in document["region"].values():
        assert region["usd"].keys() <= prices.by_name.keys()


EXTRA = ("branch-hours", "storage-gb")
REGIONS = tuple(PRICE_LISTS)
NIGHTLY = {
    "name": "export",
    "job": "app.jobs.export",
    "runs_on": "fargate",
    "expression": "cron(0 3 * * ? *)",
    "timezone": "UTC",
}


def usd(resources: DeployedResources, traffic: TrafficModel, region: str, column: int) -> float:
    prices, _ = cost.read_prices(region)
    return cost.columns(resources, traffic, prices)[column].total(prices)


def ours_and_theirs(profile: str, region: str) -> tuple[float, float]:
    """The model's figure, and that of the bill that is written again."""
    resources, traffic = resources_of(0), TrafficModel()
    bill = Bill(describe_case("sam", 0), CASES[0].resource_prefix, region)
    month, polls = bill.month(), 60 / 8
    behind = replace(resources, cdn="pay-as-you-go")
    match profile:
        case "idle":
            return idle(resources, region), month
        case "idle, with a CDN":
            return idle(behind, region), month
        case "two stages and three previews":
            preview = describe_case("sam", 0) | {"alarms": describe_case("sam", 1)["alarms"]}
            previews = Bill(preview, CASES[0].resource_prefix, region).month()
            return idle(resources, region, stages=2, previews=3), 2 * month + 3 * previews
        case "10,000 visits a day":
            traffic = TrafficModel(normal_visits=10_000)
            return usd(resources, traffic, region, 1), bill.day(Day(requests=10_000 * (2 + polls), jobs=1_000))
        case "a million visits in a day":
            day = Day(requests=1_000_000 * (2 + 2), jobs=100_000, task_hours=1)
            return usd(resources, traffic, region, 2), bill.day(day)
        case "a million visits in a day, with a CDN":
            # A page and an icon for each visit, two polls, and a post for each tenth.
            fetched = 100_000 + fetches(900_000) + fetches(2_000_000)
            day = Day(requests=1_000_000 * (2 + 2), jobs=100_000, task_hours=1)
            return usd(behind, traffic, region, 2), bill.day_behind_cdn(day, fetched=fetched)
        case "100,000 jobs":
            traffic = TrafficModel(normal_visits=100_000, requests=0, poll_seconds=0, jobs=1)
            return usd(resources, traffic, region, 1), bill.day(Day(jobs=100_000))
        case "a nightly job of two hours on Fargate":
            manifest = resources.manifest | {"schedules": [*resources.manifest["schedules"], NIGHTLY]}
            more = bill.price.scheduled + 4 * bill.price.sqs_request + 2 * bill.call(bill.jobs, 0.2, 0.3)
            ours = idle(replace(resources, manifest=manifest), region, scheduled_task_minutes=120)
            return ours, month + DAYS * (more + bill.tasks(2))
    worst = Abuse(hours=8, rate=1e5, request_seconds=29, body_kb=10_240, answer_kb=100, log_kb=6, query_kb=2, jobs=1)
    short = replace(worst, request_seconds=0.001)  # so that Lambda answers whatever the throttle accepts
    compute = 1000 * 8 * 3600 * bill.price.gb_second * bill.web["memory"] / 1024
    if profile == "abuse, with a CDN":
        to_cdn = replace(short, rate=10_000, direct=1e5)
        return usd(behind, traffic, region, 3), night_behind_cdn(bill, to_cdn) + compute
    return usd(resources, traffic, region, 3), night(bill, short) + compute


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "profile",
    [
        "idle",
        "idle, with a CDN",
        "two stages and three previews",
        "10,000 visits a day",
        "a million visits in a day",
        "a million visits in a day, with a CDN",
        "100,000 jobs",
        "a nightly job of two hours on Fargate",
        "abuse",
        "abuse, with a CDN",
    ],
)
def test_the_model_agrees_with_a_bill_that_is_written_again(profile: str, region: str) -> None:
    ours, theirs = ours_and_theirs(profile, region)
    print(f"{profile}, {region}: {ours:.4f} / {theirs:.4f} = {ours / theirs:.3f}")
    assert 0.95 <= ours / theirs <= 1.05


def test_the_free_tier_is_the_accounts_and_not_each_stages() -> None:
    prices, _ = cost.read_prices()
    one, five = (
        cost.columns(resources_of(0), TrafficModel(stages=stages, previews=previews), prices)[0]
        for stages, previews in ((1, 0), (2, 3))
    )
    assert five.usage["lambda-arm64"] == 5 * one.usage["lambda-arm64"]
    assert five.usage["alarms"] == 2 * one.usage["alarms"]
    assert five.free == one.free
    assert one.paid(prices) < five.paid(prices) < five.total(prices)


def test_branches_of_previews_and_a_large_database_cost_more() -> None:
    _, document = cost.read_prices()
    assert cost_model.database(TrafficModel(previews=1), document) == 39
    assert cost_model.database(TrafficModel(previews=4), document) == pytest.approx(39 + (4 * 730 - 1440) * 0.014)
    assert cost_model.database(TrafficModel(database_gb=30), document) == 39 + 20 * 1.5


def test_a_short_task_is_billed_for_a_minute_and_a_long_one_for_all_of_its_time() -> None:
    manifest = resources_of(0).manifest | {"schedules": [NIGHTLY]}
    resources = replace(resources_of(0), manifest=manifest)
    hours = [cost_model.idle(resources, TrafficModel(scheduled_task_minutes=minutes))["ipv4"] for minutes in (0.1, 120)]
    assert hours == pytest.approx([DAYS / 60, DAYS * 2], rel=0.01)


def test_only_jobs_that_visits_start_write_metrics_and_only_if_they_are_on() -> None:
    off, on = (
        cost_model.day(resources_of(0), TrafficModel(job_metrics=setting), 1_000, 0, poll_seconds=8)["metrics"]
        for setting in (0, 1)
    )
    assert (off, on) == (0, pytest.approx(5 * 24 / 730))


def test_a_region_without_prices_says_whose_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cost_of("--region", "eu-north-1", monkeypatch=monkeypatch) == 0
    assert "prices of us-east-1: those of eu-north-1 are not known" in capsys.readouterr().err
    assert cost_of("--region", "ap-northeast-1", monkeypatch=monkeypatch) == 0
    notes = capsys.readouterr().err
    assert "prices of us-east-1 where those of ap-northeast-1 are not known: SQS, requests to FIFO queues" in notes
    assert cost_of("--region", "us-east-1", monkeypatch=monkeypatch) == 0
    assert "not known" not in capsys.readouterr().err


def test_tokyo_costs_what_tokyos_price_list_says() -> None:
    here, tokyo = (cost.read_prices(region)[0].by_name for region in ("us-east-1", "ap-northeast-1"))
    assert tokyo["logs"].usd / here["logs"].usd == pytest.approx(1.52)
    assert tokyo["http-api"].usd / here["http-api"].usd == pytest.approx(1.29)


def crash(request: Request) -> PlainTextResponse:
    raise RuntimeError("x" * 10_000)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sends a request to an app, and returns how many bytes of logs CloudWatch bills for it."""
    monkeypatch.setenv("LOG_FORMAT", "json")
    settings.current.cache_clear()
    routes = [Route("/crash", crash, methods=["GET", "POST"]), Route("/", lambda request: PlainTextResponse("ok"))]
    client = TestClient(web.wrap(Starlette(routes=routes)), raise_server_exceptions=False)
    before = logging.root.handlers[:]
    logs.configure(stream := io.StringIO())

    def send(method: str, path: str, **headers: str) -> int:
        stream.seek(0)
        stream.truncate()
        client.request(method, path, headers=headers)
        lines = stream.getvalue().splitlines()
        assert lines
        return sum(len(line.encode()) + 26 for line in lines)  # 26: CloudWatch Logs' own bytes for each event

    yield send
    logging.root.handlers[:] = before
    settings.current.cache_clear()


def test_a_clients_long_path_and_origin_are_not_logged_whole(logged: Any) -> None:
    assert logged("GET", "/") < 1000 * TrafficModel().log_kb
    assert logged("GET", f"/{'a' * 7000}") < 600
    assert logged("POST", "/", origin=f"https://{'b' * 7000}.example") < 900
    assert logged("POST", "/crash") < 1000 * TrafficModel().abuse_log_kb


PROFILES = int(os.environ.get("ABUSE_PROFILES", "200"))


def test_no_night_of_abuse_costs_more_than_the_ceiling(logged: Any) -> None:
    """Whoever sends it chooses the rate, the path, the body and its length, and which of the app's answers.

    With a CDN that is billed by use, the rate and the line are at most what the ceiling names.
    """
    chance = random.Random(29)
    ceilings = {
        cdn: usd(replace(resources_of(0), cdn=cdn), TrafficModel(), "us-east-1", 3)
        for cdn in ("off", "pay-as-you-go", "free")
    }
    bill, flat_rate = (Bill(describe_case("sam", 0), CASES[0].resource_prefix, "us-east-1") for _ in range(2))
    flat_rate.price = replace(bill.price, edge_request=0, edge_function=0, edge_out_gb=0, edge_in_gb=0)
    bills: dict[str, list[float]] = {cdn: [] for cdn in ceilings}
    for _ in range(PROFILES):
        letters = chance.choice(["a", "é", "😀", "%00", '"', "crash/"])
        path = chance.choice(["/", "/crash", f"/{letters * chance.randrange(1, 2000)}"])
        origin = f"https://{'o' * chance.randrange(1, 7000)}.example"
        log_bytes = logged(chance.choice(["GET", "POST"]), path, origin=origin)
        abuse = Abuse(
            hours=chance.uniform(0, 8),
            rate=10 ** chance.uniform(-1, 6),
            request_seconds=10 ** chance.uniform(-2.5, 1.46),
            body_kb=chance.choice([0, chance.uniform(0, 10_240)]),
            answer_kb=chance.uniform(0, 100),
            log_kb=log_bytes / 1000,
            query_kb=chance.uniform(0, 2),
            jobs=chance.choice([0, chance.random(), 1]),
            passed_on=chance.choice([0, chance.random(), 1]),
            direct=10 ** chance.uniform(-1, 6),
            gbits=chance.random(),
        )
        bills["off"].append(night(bill, abuse))
        bills["free"].append(night_behind_cdn(flat_rate, abuse))
        bills["pay-as-you-go"].append(night_behind_cdn(bill, replace(abuse, rate=min(abuse.rate, 10_000))))
    for cdn, ceiling in ceilings.items():
        above = sum(each > ceiling for each in bills[cdn])
        print(f"CDN {cdn}: {PROFILES} profiles: at most {max(bills[cdn]):.2f} of {ceiling:.2f} USD, above it {above}")
        assert above == 0


def test_a_million_visits_cost_less_behind_a_cdn_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prices, _ = cost.read_prices()
    day = cost.columns(replace(resources_of(0), cdn="pay-as-you-go"), TrafficModel(), prices)[2]
    assert day.paid(prices) <= 2
    assert cost_of("--viral-hours", f"{1 / 6}", "--uncached", "0", monkeypatch=monkeypatch) == 0
    [line] = re.findall("A viral day costs .*", capsys.readouterr().err)
    without, behind, share = map(float, re.findall(r"[\d.]+(?= USD| with cdn|%)", line))
    assert behind < without / 10
    assert share <= 1


def test_only_by_use_a_cdn_has_a_ceiling_that_is_an_assumption() -> None:
    ours = {cdn: cost.summary(replace(resources_of(0), cdn=cdn), TrafficModel(), "us-east-1") for cdn in cost_model.CDN}
    assumption = "with 10,000 requests and 1 Gbit a second to the CDN, which nothing but a flat-rate plan limits"
    assert [cdn for cdn, line in ours.items() if assumption in line] == ["pay-as-you-go"]
    assert "about 0.87 USD a month" in ours["free"]


def cost_of(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["kit", "cost", *arguments])
    return command.main()


def test_the_table_adds_up_and_notes_go_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cost_of("--viral-visits", "2000000", monkeypatch=monkeypatch) == 0
    output = capsys.readouterr()
    rows: dict[str, list[Any]] = {line[:34].strip(): line[34:].split() for line in output.out.splitlines()}
    totals = [float(word.replace(",", "")) for word in rows["total"]]
    lines = [rows[name] for name in list(rows)[1 : list(rows).index("-" * 34)]]
    for column in range(4):
        parts = [float(row[column].replace(",", "")) for row in lines if row[column] != "-"]
        assert sum(parts) == pytest.approx(totals[column], abs=0.06)
    assert "PlanetScale PS-10" in output.err
    assert "--viral-visits" in output.err and "2,000,000" in output.err


def test_an_invalid_number_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cost_of("--ms", "fast", monkeypatch=monkeypatch)
    assert "invalid number 'fast'" in capsys.readouterr().err
