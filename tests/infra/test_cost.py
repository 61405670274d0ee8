"""`make cost`: the model matches what is deployed, and an idle month costs less than a dollar."""

import sys
from datetime import date
from typing import Any

import pytest
from cases import CASES, describe_case
from normalize import flat

from kit.cli import main as command
from kit.ops import cost, cost_model
from kit.ops.cost_model import DeployedResources, TrafficModel

LIMIT = 1.00
"""USD a month without the free tier."""

PRICED = {"functions", "api", "queues", "sources", "schedules", "tasks", "logs", "alarms", "dashboards", "repositories"}
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
        jobs_memory=jobs["memory"],
        task_cpu=task["size"][0],
        task_memory=task["size"][1],
        alarms=len(system["alarms"]),
        dashboards=len(system["dashboards"]),
        secrets=int(":secretsmanager:" in web["environment"]["DATABASE_URL_SECRET"]),
    )


def idle(resources: DeployedResources) -> float:
    prices, _ = cost.read_prices()
    return cost.columns(resources, TrafficModel(), prices)[0].total(prices)


def test_an_idle_month_costs_less_than_a_dollar_without_the_free_tier() -> None:
    assert 0 < idle(resources_of(0)) < LIMIT


def test_the_models_defaults_are_the_deployed_settings() -> None:
    deployed, assumed = resources_of(0), DeployedResources.by_default()
    for name in (
        "architecture",
        "web_memory",
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
    [{"dashboards": 1}, {"alarms": 6}, {"secrets": 1}],
    ids=["a dashboard", "an alarm more", "a secret in Secrets Manager"],
)
def test_additional_resources_exceed_the_limit(more: dict[str, int]) -> None:
    resources = resources_of(0)
    assert idle(DeployedResources(**(vars(resources) | more))) > LIMIT


def test_a_day_costs_what_it_uses() -> None:
    used = cost_model.day(resources_of(0), TrafficModel(requests=2, ms=500, answer_kb=1000, jobs=0), 1_000_000, 60)
    prices, _ = cost.read_prices()
    bill = {name: round(prices[name].of(units), 2) for name, units in used.items()}
    assert (bill["http-api"], bill["lambda-requests"], bill["lambda-arm64"]) == (2.00, 0.40, 13.33)
    assert (bill["data-out"], used["ipv4"], bill["fargate-cpu-arm64"]) == (180.00, 1, 0.02)


def test_every_price_is_used_and_has_a_date_and_a_source() -> None:
    prices, document = cost.read_prices()
    arm = DeployedResources.by_default()
    both = [arm, DeployedResources(**(vars(arm) | {"architecture": "x86_64"}))]
    used = {
        name
        for resources in both
        for column in cost.columns(resources, TrafficModel(), prices)
        for name in column.usage
    }
    assert used | {"sqs-fifo"} == prices.keys()
    for one in [*document["price"].values(), document["database"]]:
        assert date.fromisoformat(f"{one['seen']}-01") <= date.today()
        assert one["page"].startswith("https://")


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
    for column in range(3):
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
