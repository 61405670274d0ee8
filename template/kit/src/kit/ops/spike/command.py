"""`make spike`: the forecast of a spike, or with LOCAL=1 its rehearsal on this machine."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, cost, inventory, lambda_quota
from kit.ops.cost_model import NO_CDN, DeployedResources
from kit.ops.lambda_quota import LambdaQuota
from kit.ops.spike import app_times, forecast, picture, rehearsal, table
from kit.ops.spike.scenario import Scenario
from kit.ops.stage import Stage

ALL_FUNCTIONS = "a new account often has only 10: make spike ENVIRONMENTS=10"


def register(commands: Any) -> None:
    """Add the command; the scenario's assumptions are options."""
    parser = commands.add_parser("spike", description="Forecast what a stage carries when many people come at once.")
    parser.add_argument("--stage", help="use the settings, quota and logs of this deployed stage instead of defaults")
    parser.add_argument("--local", action="store_true", help="rehearse on this machine instead of forecasting")
    parser.add_argument("--path", default="/", help="the page that a rehearsal requests (/)")
    parser.add_argument("--memory", type=_number, metavar="MB", help="of the web function")
    parser.add_argument("--svg", metavar="FILE", help="write a picture")
    parser.add_argument("--json", metavar="FILE", help="write the numbers, - to standard output instead of the table")
    for assumption in fields(Scenario):
        parser.add_argument(
            cost.flag(assumption.name),
            type=_number,
            metavar="N",
            help=f"{assumption.metadata['help']} (default: {assumption.default:,.10g})".replace("%", "%%"),
        )
    parser.set_defaults(run=run, policy="look")


def run(arguments: argparse.Namespace) -> None:
    """Print the forecast."""
    chosen = {field.name: value for field in fields(Scenario) if (value := getattr(arguments, field.name)) is not None}
    if arguments.local:
        return _rehearse(arguments)
    replace(Scenario(), **chosen).check()  # before anything is measured
    scenario, resources, sources = _scenario(chosen, arguments)
    region = aws_account.account().region if arguments.stage else os.environ.get("AWS_REGION") or cost.HOME
    result = forecast.of(scenario, resources, region)
    for file, content in ((arguments.svg, picture.draw(result)), (arguments.json, _json(result))):
        if file and file != "-":
            _write(file, content)
    if arguments.json == "-":
        print(_json(result), end="")
        return
    print("\n".join(table.lines(result, colours=sys.stdout.isatty() and "NO_COLOR" not in os.environ)))
    print("\n".join(_notes(scenario, sources, region)), file=sys.stderr)


def _rehearse(arguments: argparse.Namespace) -> None:
    requests = Scenario.requests if arguments.requests is None else arguments.requests
    count = None if arguments.environments is None else int(arguments.environments)
    result = rehearsal.run(count, int(requests), arguments.path)
    document = json.dumps(result.as_json(), indent=2) + "\n"
    if arguments.json and arguments.json != "-":
        _write(arguments.json, document)
    print(document if arguments.json == "-" else "\n".join(rehearsal.lines(result)))
    if result.burst.failed or result.burst.lost:
        raise UsageError("The rehearsal failed: not every request was answered with a page.")


def _scenario(
    chosen: dict[str, float], arguments: argparse.Namespace
) -> tuple[Scenario, DeployedResources, dict[str, str]]:
    """The scenario, and where its values are from, by their names: first what is chosen, then what is known of the stage."""
    known: dict[str, float] = {}
    sources = {"environments": ALL_FUNCTIONS}
    if arguments.stage:
        stage, account = Stage.of(arguments.stage), aws_account.account()
        resources = inventory.of(arguments.stage)
        quota, text = lambda_quota.read_if_allowed(account)
        if quota:
            known["environments"] = quota.unreserved if resources.web_reserved_concurrency < 0 else quota.environments
            sources["environments"] = "of this account"
        else:
            sources["environments"] = f"the account's is {text}"
    else:
        resources = DeployedResources.by_default()
    environments = int(chosen.get("environments") or known.get("environments") or Scenario.environments)
    jobs = LambdaQuota(environments, environments).jobs_concurrency(  # as `make deploy` lowers it
        resources.jobs_concurrency, len(resources.manifest["queues"])
    )
    known |= {
        "throttle_rate": resources.throttle_rate,
        "throttle_burst": resources.throttle_burst,
        "reserved": resources.web_reserved_concurrency,
        "jobs_concurrency": jobs,
        "cdn": float(resources.cdn != NO_CDN),
    }
    if not {"cold_ms", "warm_ms"} <= chosen.keys():
        memory = arguments.memory or resources.web_memory
        times = app_times.of_stage(account, stage, memory) if arguments.stage else app_times.measure(memory)
        known |= {"cold_ms": round(times.cold, 1), "warm_ms": round(times.warm, 1)}
        known |= {"spread": round(times.spread, 2)} if times.spread else {}
        sources["cold_ms"] = times.source
    sources = {name: text for name, text in sources.items() if name not in chosen}
    return Scenario(**{**known, **chosen}), resources, sources


def _notes(scenario: Scenario, sources: dict[str, str], region: str) -> Iterator[str]:
    yield f"""
A simulation of AWS's published rules, not a load test. A refused request is not sent again, jobs have no cold starts, and
no environment ends during the spike. Prices of {region}: make cost.
Assumptions (change them with ARGS='--ramp 60 --cdn 1' …):"""
    for field in fields(scenario):
        value = getattr(scenario, field.name)
        yield f"  {cost.flag(field.name):<20}{value:>12,.10g}  {field.metadata['help']}"
    yield ""
    for name, text in sources.items():
        yield f"{cost.flag(name)}: {text}"


def _json(result: forecast.Forecast) -> str:
    return json.dumps(result.as_json(), indent=2) + "\n"


def _write(file: str, content: str) -> None:
    try:
        Path(file).write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"Can't write {file}: {error.strerror}") from None


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid number {text!r}; expected one such as 1000") from None
