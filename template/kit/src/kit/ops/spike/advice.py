"""Which setting to change, and what that is worth: the same spike, simulated without what stood in its way."""

import math
from collections.abc import Iterator
from dataclasses import replace

from kit.ops import lambda_quota
from kit.ops.spike import edge, simulation
from kit.ops.spike.job_queue import MOST
from kit.ops.spike.scenario import Scenario
from kit.ops.spike.simulation import API, SCALING, Outcome

SPARE = 1.2
"""How much more than the spike needs."""
LATE = 300
"""Seconds after the last visitor that a queue may take to be empty."""
POOLS = {"PS-10": 70, "PS-20 and PS-40": 75, "PS-80": 110}
"""Transactions at once by PlanetScale's plan; more are refused.

Source: https://planetscale.com/docs/reference/planetscale-system-limits, "Simultaneous transaction limits", and its plans.
"""
UNLIMITED = 1e6


def of(outcome: Outcome, transactions: int) -> list[str]:
    """Sentences, the most important one first; none if the spike is carried."""
    return [*_refusals(outcome), *_jobs(outcome), *_database(outcome.scenario, transactions)]


def _refusals(outcome: Outcome) -> Iterator[str]:
    scenario, refused = outcome.scenario, outcome.refused
    if not any(refused.values()):
        return
    free = replace(scenario, throttle_rate=UNLIMITED, throttle_burst=UNLIMITED, environments=UNLIMITED, reserved=-1)
    demand = _again(free, outcome)
    rate, at_once = max(second.passed for second in demand.seconds), demand.busy
    change = scenario
    if refused[API]:
        change = replace(
            change, throttle_rate=_round_up(SPARE * rate), throttle_burst=max(change.throttle_burst, _round_up(rate))
        )
        yield (
            f"Set throttle_rate to {change.throttle_rate:,.0f} and throttle_burst to {change.throttle_burst:,.0f}: "
            f"up to {rate:,} requests a second reach the API."
        )
    if -1 < scenario.reserved < SPARE * at_once:
        change = replace(change, reserved=-1)
        yield f"Set web_reserved_concurrency to -1, or to {_round_up(SPARE * at_once):,}: {at_once:,} environments are needed."
    if scenario.environments < (needed := SPARE * (at_once + scenario.jobs_concurrency)):
        change = replace(change, environments=max(lambda_quota.USUAL, _round_up(needed)))
        yield (
            f"Raise Lambda's quota, which takes AWS up to days: make quota ENVIRONMENTS={change.environments:.0f}. "
            f"{at_once:,} environments are needed, and {scenario.jobs_concurrency:,.0f} for jobs."
        )
    if refused[SCALING] or (demand.refused[SCALING] and not scenario.cdn):
        yield "No setting raises Lambda's scaling rate. Fewer requests or shorter cold starts help."
    if change != scenario:
        left = sum(_again(change, outcome).refused.values())
        yield f"With these settings {'no request is' if not left else f'{left:,} requests are'} refused."
    if not scenario.cdn:
        behind = _again(replace(scenario, cdn=1), outcome)
        yield (
            f"A CDN alone (cdn=pay-as-you-go) leaves {behind.passed:,} of {outcome.passed:,} requests for the API, and "
            f"{sum(behind.refused.values()):,} refused, if {scenario.cacheable:.0%} may be cached."
        )


def _jobs(outcome: Outcome) -> Iterator[str]:
    scenario, end = outcome.scenario, len(outcome.seconds)
    if outcome.queue_empty <= end + LATE:
        return
    work = scenario.visitors * scenario.jobs * scenario.job_ms / 1000
    needed = _round_up(SPARE * work / (end + LATE))
    most = min(MOST, int(scenario.environments) // 2)
    limited = f" The account's quota leaves {most:,} for jobs." if needed > most else ""
    yield f"Set jobs_concurrency to {min(needed, max(2, most)):,}, so that jobs wait for less long.{limited}"


def _database(scenario: Scenario, transactions: int) -> Iterator[str]:
    if transactions > scenario.transactions:
        plans = ", ".join(f"{name}: {size}" for name, size in POOLS.items())
        yield (
            f"The database must carry {transactions:,} transactions at once, and carries {scenario.transactions:,.0f} "
            f"(PlanetScale's {plans}). It refuses the others, which fail."
        )


def _again(scenario: Scenario, outcome: Outcome) -> Outcome:
    """Simulate the same visitors with other settings."""
    passed = None if scenario.cdn == outcome.scenario.cdn else edge.pass_on(scenario, outcome.arrivals, outcome.rng())
    return simulation.simulate(scenario, outcome.arrivals, passed or outcome.at_api)


def _round_up(number: float) -> int:
    """To two digits."""
    unit = 10.0 ** max(0, math.floor(math.log10(max(1.0, number))) - 1)
    return round(math.ceil(number / unit) * unit)
