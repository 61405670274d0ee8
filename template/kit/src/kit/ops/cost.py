"""`make cost`: what a month without traffic, a normal day, a viral day and a night of abuse cost, by a model and dated prices."""

import argparse
import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, replace
from pathlib import Path
from typing import Any

from kit.ops import aws_account, cost_model, inventory, lambda_quota, traffic_logs
from kit.ops.cost_model import DeployedResources, TrafficModel, Usage
from kit.ops.stage import Stage
from kit.ops.traffic_logs import MeasuredTraffic

DAYS = cost_model.MONTH / 24
"""Of a month."""
SETTINGS = (
    "web_memory",
    "web_reserved_concurrency",
    "throttle_rate",
    "throttle_burst",
    "jobs_memory",
    "task_cpu",
    "task_memory",
)
HOME = "us-east-1"
"""The region of the prices that others are compared with."""


@dataclass(frozen=True)
class Price:
    """The price in USD of `per` units, and the number of units that are free each month."""

    what: str
    usd: float
    per: float
    seen: str
    page: str
    free: float = 0

    def of(self, units: float) -> float:
        """US dollars."""
        return units * self.usd / self.per


@dataclass(frozen=True)
class Prices:
    """The prices of a region, by name."""

    region: str
    by_name: dict[str, Price]
    foreign: list[str]
    """Names of prices that are not known for this region, and therefore those of `HOME`."""

    def note(self) -> str:
        """Whose prices these are, if not all are the region's own; empty otherwise."""
        if len(self.foreign) == len(self.by_name):
            return f"prices of {HOME}: those of {self.region} are not known, and may be higher or lower"
        names = ", ".join(self.by_name[name].what for name in self.foreign)
        return f"prices of {HOME} where those of {self.region} are not known: {names}" if names else ""


@dataclass(frozen=True)
class Column:
    """The usage of a period, and what is left of the month's free tier for it."""

    title: str
    usage: Usage
    free: dict[str, float]

    def paid(self, prices: Prices) -> float:
        """US dollars after the free tier."""
        return sum(prices.by_name[name].of(max(0, units - self.free[name])) for name, units in self.usage.items())

    def total(self, prices: Prices) -> float:
        """US dollars without a free tier."""
        return sum(prices.by_name[name].of(units) for name, units in self.usage.items())


def register(commands: Any) -> None:
    """Add the command; the assumptions about traffic are options."""
    parser = commands.add_parser("cost", description="Estimate the costs without traffic, with it, and of abuse.")
    parser.add_argument("--stage", help="use the settings and the logs of this deployed stage instead of the defaults")
    parser.add_argument("--region", help="the AWS region; by default the app's")
    parser.add_argument("--prices", action="store_true", help="list the prices with their dates and sources")
    parser.add_argument("--architecture", choices=["arm64", "x86_64"], help="the image's processor")
    for name in SETTINGS:
        parser.add_argument(flag(name), type=int, metavar="N", help="as in the infrastructure's settings")
    parser.add_argument("--cdn", choices=cost_model.CDN, help="the CDN in front of the app")
    parser.add_argument("--dashboard", action="store_true", help="include the dashboard")
    for assumption in fields(TrafficModel):
        parser.add_argument(
            flag(assumption.name),
            type=_number,
            metavar="N",
            help=f"{assumption.metadata['help']} (default: {assumption.default:,.10g})",
        )
    parser.set_defaults(run=run, policy="look")


def run(arguments: argparse.Namespace) -> None:
    """Print the table, or the prices."""
    resources = inventory.of(arguments.stage) if arguments.stage else DeployedResources.by_default()
    prices, document = read_prices(arguments.region or _region(arguments.stage))
    if arguments.prices:
        print("\n".join(_price_lines(prices, document)))
        return
    names = ("architecture", "cdn", *SETTINGS)
    changes = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    resources = replace(resources, **changes, dashboards=max(resources.dashboards, int(arguments.dashboard)))
    measured = _measured(arguments.stage, resources)
    traffic = TrafficModel(**{field.name: _assumption(arguments, measured, field) for field in fields(TrafficModel)})
    print("\n".join(_table(columns(resources, traffic, prices), prices)))
    print("\n".join(_notes(resources, traffic, prices, document)), file=sys.stderr)
    if measured.note:
        print(measured.note, file=sys.stderr)


def _region(stage: str | None) -> str:
    return aws_account.account().region if stage else os.environ.get("AWS_REGION") or HOME


def _measured(stage: str | None, resources: DeployedResources) -> MeasuredTraffic:
    """What the logs of a stage say; nothing without a stage."""
    if not stage:
        return MeasuredTraffic("")
    cdn = resources.cdn != cost_model.NO_CDN
    return traffic_logs.read_if_allowed(aws_account.account(), Stage.of(stage), cdn=cdn)


def _assumption(arguments: argparse.Namespace, measured: MeasuredTraffic, assumption: Field[Any]) -> float:
    """The option's value, or what is measured; the quota of a stage's account is read, if it may be."""
    value: float | None = getattr(arguments, assumption.name)
    value = measured.values.get(assumption.name) if value is None else value
    if value is None and assumption.name == "environments" and arguments.stage:
        quota, _ = lambda_quota.read_if_allowed(aws_account.account())
        value = float(quota.environments) if quota else None
    return float(getattr(TrafficModel(), assumption.name)) if value is None else value


def read_prices(region: str = HOME) -> tuple[Prices, dict[str, Any]]:
    """The prices of a region, and the whole of prices.toml."""
    document = tomllib.loads(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))
    prices = {name: Price(**values) for name, values in document["price"].items()}
    if region == HOME:
        return Prices(region, prices, []), document
    if (local := document["region"].get(region)) is None:
        return Prices(region, prices, list(prices)), document
    known = {
        name: replace(prices[name], usd=usd, seen=local["seen"], page=local["source"])
        for name, usd in local["usd"].items()
    }
    return Prices(region, prices | known, [name for name in prices if name not in known]), document


def columns(resources: DeployedResources, traffic: TrafficModel, prices: Prices) -> list[Column]:
    """A month without traffic of all stages and previews, what a day of this stage adds, and what a night of abuse may.

    The free tier is the account's. It is used up by the month first; of the rest a normal day gets its share, and a viral
    day or a night of abuse all.
    """
    idle = cost_model.idle(resources, traffic)
    free = {name: price.free for name, price in prices.by_name.items()}
    rest = {name: max(0.0, free[name] - idle[name]) for name in free}
    normal = cost_model.day(
        resources,
        traffic,
        traffic.normal_visits,
        traffic.normal_task_minutes,
        poll_seconds=traffic.poll_seconds,
    )
    viral = cost_model.day(
        resources,
        traffic,
        traffic.viral_visits,
        traffic.viral_task_minutes,
        poll_seconds=traffic.viral_poll_seconds,
        hours=traffic.viral_hours,
    )
    return [
        Column("idle, a month", idle, free),
        Column("a normal day", normal, {name: units / DAYS for name, units in rest.items()}),
        Column("a viral day", viral, rest),
        Column("abuse, at most", cost_model.abuse(resources, traffic), rest),
    ]


def summary(resources: DeployedResources, traffic: TrafficModel, region: str) -> str:
    """An idle month and the most that a night of abuse can cost, in one line."""
    prices, _ = read_prices(region)
    idle, *_, abuse = columns(resources, traffic, prices)
    notes = [prices.note()] if prices.foreign else []
    if resources.cdn == cost_model.PAY_AS_YOU_GO:
        notes.append(f"with {_assumed_abuse(traffic)} to the CDN, which nothing but a flat-rate plan limits")
    note = f" ({'; '.join(notes)})" if notes else ""
    return (
        f"about {idle.total(prices):.2f} USD a month without traffic, not counting the database; at most "
        f"{abuse.total(prices):,.0f} USD in a night of abuse; details: make cost{note}"
    )


def _assumed_abuse(traffic: TrafficModel) -> str:
    return f"{traffic.abuse_cdn_requests:,.10g} requests and {traffic.abuse_cdn_gbits:,.10g} Gbit a second"


def _cdn_notes(resources: DeployedResources, traffic: TrafficModel, prices: Prices) -> Iterator[str]:
    """What the CDN changes, or would change."""
    there = resources.cdn != cost_model.NO_CDN
    behind = resources if there else replace(resources, cdn=cost_model.PAY_AS_YOU_GO)
    without, with_cdn = (
        columns(each, traffic, prices)[2].paid(prices) for each in (replace(resources, cdn=cost_model.NO_CDN), behind)
    )
    requests = sum(cost_model.sent(traffic, traffic.viral_visits, traffic.viral_poll_seconds))
    share = (
        requests
        and cost_model.reaching_app(
            behind, traffic, traffic.viral_visits, poll_seconds=traffic.viral_poll_seconds, hours=traffic.viral_hours
        )
        / requests
    )
    yield (
        f"A viral day costs {without:,.2f} USD without a CDN, and {with_cdn:,.2f} with cdn = {behind.cdn}, after the free "
        f"tier; {share:.2%} of its requests reach the app then."
    )
    if resources.cdn == cost_model.PAY_AS_YOU_GO:
        quotas = replace(traffic, abuse_cdn_requests=cost_model.CDN_REQUESTS, abuse_cdn_gbits=cost_model.CDN_GBITS)
        most = columns(resources, quotas, prices)[3].total(prices)
        yield (
            f"The night of abuse sends the CDN {_assumed_abuse(traffic)}. Nothing but CloudFront's quotas limits that, "
            f"with which it would be {most:,.0f} USD: a flat-rate plan has no such bill."
        )


def _table(columns: list[Column], prices: Prices) -> Iterator[str]:
    yield _row("USD", [f"{column.title:>16}" for column in columns])
    for name, price in prices.by_name.items():
        if any(column.usage[name] for column in columns):
            yield _row(price.what, [_cell(price.of(column.usage[name])) for column in columns])
    yield "-" * (34 + 16 * len(columns))
    yield _row("total", [_cell(column.total(prices)) for column in columns])
    yield _row("after the free tier", [_cell(column.paid(prices)) for column in columns])


def _row(title: str, cells: list[str]) -> str:
    return f"{title:<34}{''.join(cells)}"


def _cell(usd: float) -> str:
    return f"{usd:>16,.4f}" if 0 < usd < 0.1 else f"{usd:>16,.2f}" if usd else f"{'-':>16}"


def _notes(
    resources: DeployedResources, traffic: TrafficModel, prices: Prices, document: dict[str, Any]
) -> Iterator[str]:
    database, queues = document["database"], len(resources.manifest["queues"])
    memory = f"web {resources.web_memory} MB, jobs {resources.jobs_memory} MB, {resources.architecture}"
    cdn_notes = "\n".join(_cdn_notes(resources, traffic, prices))
    note = f"\nNot all are known: {prices.note()}." if prices.foreign else ""
    yield f"""
Not included: {database["what"]}, {cost_model.database(traffic, document):.2f} USD a month with a branch for each preview
({database["seen"]}, {database["page"]}).
Prices of {prices.region} without taxes; ARGS=--prices lists them with their dates.{note}
The month is that of all stages and previews. The costs of a day come on top of it. The free tier is the whole account's:
a normal day gets its share of what is left, a viral day all of it. Abuse is the most that {traffic.abuse_hours:g} hours can
cost, with a throttle of {resources.throttle_rate:,} requests a second and {_limit(resources, traffic)} environments, each busy all the time.
{cdn_notes}
Assumptions, for {queues} queue(s), {resources.alarms} alarms, {memory} (change them with ARGS='--ms 50' …):"""
    for field in fields(traffic):
        yield f"  {flag(field.name):<26}{getattr(traffic, field.name):>12,.10g}  {field.metadata['help']}"


def _limit(resources: DeployedResources, traffic: TrafficModel) -> str:
    reserved = resources.web_reserved_concurrency
    return f"{traffic.environments if reserved < 0 else min(reserved, traffic.environments):,.0f}"


def _price_lines(prices: Prices, document: dict[str, Any]) -> Iterator[str]:
    yield f"{prices.region:<34}{'USD':>9} {'per':>9} {'free':>11}  seen     source"
    for name, price in prices.by_name.items():
        other = f" ({HOME})" if name in prices.foreign else ""
        yield f"{price.what:<34}{price.usd:>9g} {price.per:>9,g} {price.free:>11,.10g}  {price.seen}  {price.page}{other}"
    for name in ("branch-hours", "storage-gb"):
        price = document["database"][name]
        what = f"PlanetScale, {name.replace('-', ' ')}"
        yield f"{what:<34}{price['usd']:>9g} {1:>9} {price['included']:>11,}  {price['seen']}  {price['page']}"


def flag(name: str) -> str:
    """Return the option of a field: `--log-kb` of log_kb."""
    return "--" + name.replace("_", "-")


def _number(text: str) -> float:
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        value = -1
    if not 0 <= value < 1e15:
        raise argparse.ArgumentTypeError(f"invalid number {text!r}; expected one of at least 0, such as 1000")
    return value
