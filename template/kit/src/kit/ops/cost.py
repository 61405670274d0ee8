"""`make cost`: what a month without traffic, a normal day and a viral day cost, by a model and dated prices."""

import argparse
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kit.ops import cost_model, inventory
from kit.ops.cost_model import DeployedResources, TrafficModel, Usage

DAYS = cost_model.MONTH / 24
"""Of a month."""
SETTINGS = ("web_memory", "jobs_memory", "task_cpu", "task_memory")


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
class Column:
    """The usage of a period, and what is left of the month's free tier for it."""

    title: str
    usage: Usage
    free: dict[str, float]

    def paid(self, prices: dict[str, Price]) -> float:
        """US dollars after the free tier."""
        return sum(prices[name].of(max(0, units - self.free[name])) for name, units in self.usage.items())

    def total(self, prices: dict[str, Price]) -> float:
        """US dollars without a free tier."""
        return sum(prices[name].of(units) for name, units in self.usage.items())


def register(commands: Any) -> None:
    """Add the command; the assumptions about traffic are options."""
    parser = commands.add_parser("cost", description="Estimate the costs without traffic, on a normal and a viral day.")
    parser.add_argument("--stage", help="use the settings of this deployed stage instead of the defaults")
    parser.add_argument("--prices", action="store_true", help="list the prices with their dates and sources")
    parser.add_argument("--architecture", choices=["arm64", "x86_64"], help="the image's processor")
    for name in SETTINGS:
        parser.add_argument(_option(name), type=int, metavar="N", help="as in the infrastructure's settings")
    parser.add_argument("--dashboard", action="store_true", help="include the dashboard")
    for assumption in fields(TrafficModel):
        parser.add_argument(
            _option(assumption.name),
            type=_number,
            default=assumption.default,
            metavar="N",
            help=assumption.metadata["help"],
        )
    parser.set_defaults(run=run, policy="look")


def run(arguments: argparse.Namespace) -> None:
    """Print the table, or the prices."""
    prices, document = read_prices()
    if arguments.prices:
        print("\n".join(_price_lines(prices, document)))
        return
    resources = inventory.of(arguments.stage) if arguments.stage else DeployedResources.by_default()
    names = ("architecture", *SETTINGS)
    changes = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    resources = replace(resources, **changes, dashboards=max(resources.dashboards, int(arguments.dashboard)))
    traffic = TrafficModel(**{field.name: getattr(arguments, field.name) for field in fields(TrafficModel)})
    print("\n".join(_table(columns(resources, traffic, prices), prices)))
    print("\n".join(_notes(resources, traffic, document)), file=sys.stderr)


def read_prices() -> tuple[dict[str, Price], dict[str, Any]]:
    """The prices by name, and the whole of prices.toml."""
    document = tomllib.loads(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))
    return {name: Price(**values) for name, values in document["price"].items()}, document


def columns(resources: DeployedResources, traffic: TrafficModel, prices: dict[str, Price]) -> list[Column]:
    """A month without traffic, and what a day adds.

    The free tier is used up by the month first; of the rest a normal day gets its share, and a viral day all.
    """
    idle = cost_model.idle(resources, traffic)
    free = {name: price.free for name, price in prices.items()}
    rest = {name: max(0.0, free[name] - idle[name]) for name in prices}
    normal = cost_model.day(resources, traffic, traffic.normal_visits, traffic.normal_task_minutes)
    viral = cost_model.day(resources, traffic, traffic.viral_visits, traffic.viral_task_minutes)
    return [
        Column("idle, a month", idle, free),
        Column("a normal day", normal, {name: units / DAYS for name, units in rest.items()}),
        Column("a viral day", viral, rest),
    ]


def _table(columns: list[Column], prices: dict[str, Price]) -> Iterator[str]:
    yield _row("USD", [f"{column.title:>16}" for column in columns])
    for name, price in prices.items():
        if any(column.usage[name] for column in columns):
            yield _row(price.what, [_cell(price.of(column.usage[name])) for column in columns])
    yield "-" * (34 + 16 * len(columns))
    yield _row("total", [_cell(column.total(prices)) for column in columns])
    yield _row("after the free tier", [_cell(column.paid(prices)) for column in columns])


def _row(title: str, cells: list[str]) -> str:
    return f"{title:<34}{''.join(cells)}"


def _cell(usd: float) -> str:
    return f"{usd:>16,.4f}" if 0 < usd < 0.1 else f"{usd:>16,.2f}" if usd else f"{'-':>16}"


def _notes(resources: DeployedResources, traffic: TrafficModel, document: dict[str, Any]) -> Iterator[str]:
    database, queues = document["database"], len(resources.manifest["queues"])
    memory = f"web {resources.web_memory} MB, jobs {resources.jobs_memory} MB, {resources.architecture}"
    yield f"""
Not included: {database["what"]}, {database["usd"]:.0f} USD a month ({database["seen"]}, {database["page"]}).
Prices of {document["region"]} without taxes; most other regions cost up to a quarter more. ARGS=--prices lists them
with their dates. The costs of a day come on top of the month's. The free tier is the whole account's: a normal day
gets its share of what is left, a viral day all of it.
Assumptions, for {queues} queue(s), {resources.alarms} alarms, {memory} (change them with ARGS='--ms 50' …):"""
    for field in fields(traffic):
        yield f"  {_option(field.name):<23}{getattr(traffic, field.name):>12,.10g}  {field.metadata['help']}"


def _price_lines(prices: dict[str, Price], document: dict[str, Any]) -> Iterator[str]:
    yield f"{document['region']:<34}{'USD':>9} {'per':>9} {'free':>11}  seen     source"
    for price in prices.values():
        yield f"{price.what:<34}{price.usd:>9g} {price.per:>9,g} {price.free:>11,.10g}  {price.seen}  {price.page}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _number(text: str) -> float:
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        value = -1
    if not 0 <= value < 1e15:
        raise argparse.ArgumentTypeError(f"invalid number {text!r}; expected one of at least 0, such as 1000")
    return value
