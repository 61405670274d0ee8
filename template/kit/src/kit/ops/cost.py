"""`make cost`: what idle, a normal day and a viral day cost, line by line, from a model and dated prices."""

import argparse
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import Field, dataclass, fields, replace
from pathlib import Path
from typing import Any

from kit.ops import cost_model, inventory
from kit.ops.cost_model import Assumed, Standing, Usage

DAYS = cost_model.MONTH / 24
"""Of a month."""
SETTINGS = ("architecture", "web_memory", "jobs_memory", "task_cpu", "task_memory")


@dataclass(frozen=True)
class Price:
    """The price of so many units of something, and how many an account has free each month."""

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
    """What is used in a time, and how much of the month's free allowance is left for it."""

    title: str
    used: Usage
    free: dict[str, float]

    def paid(self, prices: dict[str, Price]) -> float:
        """US dollars after what is free."""
        return sum(prices[name].of(max(0, units - self.free[name])) for name, units in self.used.items())

    def total(self, prices: dict[str, Price]) -> float:
        """US dollars where nothing is free."""
        return sum(prices[name].of(units) for name, units in self.used.items())


def register(commands: Any) -> None:
    """Add the command; what is assumed are its options."""
    parser = commands.add_parser("cost", help="what idle, a normal day and a viral day cost")
    parser.add_argument("--stage", help="a deployed stage to take the settings of; the defaults without")
    parser.add_argument("--prices", action="store_true", help="list the prices, their dates and their pages")
    parser.add_argument("--architecture", choices=["arm64", "x86_64"], help="of the image")
    for name in SETTINGS[1:]:
        parser.add_argument(_option(name), type=int, metavar="N", help="as in the infrastructure's settings")
    parser.add_argument("--dashboard", action="store_true", help="with the dashboard")
    for one in fields(Assumed):
        parser.add_argument(_option(one.name), type=_figure, default=one.default, metavar="N", help=_help(one))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the table, or the prices."""
    prices, told = read()
    if arguments.prices:
        print("\n".join(_price_lines(prices, told)))
        return
    there = inventory.of(arguments.stage) if arguments.stage else Standing.by_default()
    given = {name: value for name in SETTINGS if (value := getattr(arguments, name)) is not None}
    there = replace(there, **given, dashboards=max(there.dashboards, int(arguments.dashboard)))
    assumed = Assumed(**{one.name: getattr(arguments, one.name) for one in fields(Assumed)})
    print("\n".join(_table(columns(there, assumed, prices), prices)))
    print("\n".join(_notes(there, assumed, told)), file=sys.stderr)


def read() -> tuple[dict[str, Price], dict[str, Any]]:
    """The prices by name, and all that stands in prices.toml."""
    told = tomllib.loads(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))
    return {name: Price(**one) for name, one in told["price"].items()}, told


def columns(there: Standing, assumed: Assumed, prices: dict[str, Price]) -> list[Column]:
    """A month that is idle, and what a day adds: a normal one has its share of what idle leaves free, a viral one all."""
    idle = cost_model.idle(there, assumed)
    free = {name: price.free for name, price in prices.items()}
    left = {name: max(0.0, free[name] - idle[name]) for name in prices}
    return [
        Column("idle, a month", idle, free),
        Column(
            "a normal day",
            cost_model.day(there, assumed, assumed.normal_visits, assumed.normal_task_minutes),
            {name: units / DAYS for name, units in left.items()},
        ),
        Column("a viral day", cost_model.day(there, assumed, assumed.viral_visits, assumed.viral_task_minutes), left),
    ]


def _table(shown: list[Column], prices: dict[str, Price]) -> Iterable[str]:
    yield f"{'USD':<34}" + "".join(f"{column.title:>16}" for column in shown)
    for name, price in prices.items():
        if any(column.used[name] for column in shown):
            yield f"{price.what:<34}" + "".join(_cell(price.of(column.used[name])) for column in shown)
    yield "-" * (34 + 16 * len(shown))
    yield f"{'together':<34}" + "".join(_cell(column.total(prices)) for column in shown)
    yield f"{'after the free tier':<34}" + "".join(_cell(column.paid(prices)) for column in shown)


def _cell(usd: float) -> str:
    return f"{usd:>16,.4f}" if 0 < usd < 0.1 else f"{usd:>16,.2f}" if usd else f"{'':>15}-"


def _notes(there: Standing, assumed: Assumed, told: dict[str, Any]) -> Iterable[str]:
    database = told["database"]
    yield ""
    yield f"{database['what']} asks {database['usd']:.0f} USD a month besides ({database['seen']}, {database['page']})."
    yield f"Prices of {told['region']}, without taxes; most other regions ask up to a quarter more. ARGS=--prices lists them"
    yield "with their dates. A day adds to the month. The free tier is the whole account's: a normal day is given its share"
    yield "of what idle leaves, a viral day all of it."
    memory = f"web {there.web_memory} MB, jobs {there.jobs_memory} MB, {there.architecture}"
    yield f"Assumed, beside {len(there.manifest['queues'])} queue(s), {there.alarms} alarms, {memory} (ARGS='--ms 50' …):"
    for one in fields(Assumed):
        yield f"  {_option(one.name):<23}{getattr(assumed, one.name):>12,.10g}  {_help(one)}"


def _price_lines(prices: dict[str, Price], told: dict[str, Any]) -> Iterable[str]:
    yield f"{told['region']:<34}{'USD':>9} {'for':>9} {'free':>11}  seen     page"
    for one in prices.values():
        yield f"{one.what:<34}{one.usd:>9g} {one.per:>9,g} {one.free:>11,.10g}  {one.seen}  {one.page}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _help(one: Field[Any]) -> str:
    return str(one.metadata["help"])


def _figure(text: str) -> float:
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        value = -1
    if not 0 <= value < 1e15:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no figure to reckon with. Give a number from 0 on, such as: 1000"
        )
    return value
