"""The forecast in a terminal: a summary, a timeline, and what to change."""

import math
from collections.abc import Iterator

from kit.ops.spike.forecast import Forecast, Moment

RED, YELLOW, BOLD = 31, 33, 1
BAR = 20
"""Characters of the longest bar."""


def lines(forecast: Forecast, *, colours: bool) -> Iterator[str]:
    """All lines; with `colours` for a terminal."""
    scenario = forecast.scenario

    def paint(code: int, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if colours and code else text

    refused = sum(forecast.refused.values())
    title = (
        f"{scenario.visitors:,.0f} visitors in {_duration(scenario.seconds)}, {scenario.requests:,.0f} requests each"
    )
    yield paint(BOLD, title)
    for name, text, code in _rows(forecast, refused):
        yield paint(code, f"  {name:<16}{text}")
    yield ""
    yield f"{'after':>11}{'requests/s':>12}{'environments':>14}{'at once':>9}{'cold':>8}{'refused':>10}{'jobs waiting':>14}"
    most = max(1, *(moment.busy for moment in forecast.timeline))
    for moment in forecast.timeline:
        yield paint(RED if moment.refused else 0, _row(moment)) + f"  {'▪' * round(BAR * moment.busy / most)}".rstrip()
    yield ""
    if not forecast.advice:
        yield "Nothing to change: no request is refused."
    for number, sentence in enumerate(forecast.advice):
        yield paint(YELLOW, sentence) if number == 0 else sentence


def _rows(forecast: Forecast, refused: int) -> Iterator[tuple[str, str, int]]:
    scenario = forecast.scenario
    from_cdn = f", {forecast.from_cdn:,} answered by the CDN" * bool(scenario.cdn)
    yield "requests", f"{forecast.requests:,}{from_cdn}, {forecast.invocations:,} invocations", 0
    text = f"{refused:,} ({refused / forecast.requests:.1%}), met by {forecast.visitors_refused:.1%} of the visitors"
    if forecast.first_refusal:
        second, cause = forecast.first_refusal
        text += f"; first by {cause}, after {_duration(second)}"
        causes = [f"{name}: {number:,}" for name, number in forecast.refused.items() if number]
        text += f" ({'; '.join(causes)})" * (len(causes) > 1)
    yield "refused", text if refused else "none", RED if refused else 0
    yield "cold starts", f"met by {_share(forecast.visitors_cold)} of the visitors", 0
    times = ", ".join(f"p{percentile} {ms:,.0f} ms" for percentile, ms in forecast.ms.items())
    yield "responses", times if forecast.requests > refused else "none", 0
    yield "environments", f"{forecast.environments:,} started, {forecast.busy:,} at once, of {_limits(forecast)}", 0
    text = f"{forecast.connections:,} connections, about {forecast.transactions:,} transactions at once"
    full = forecast.transactions > scenario.transactions
    yield "database", f"{text} of {scenario.transactions:,.0f}", RED if full else 0
    if forecast.jobs or forecast.jobs_waiting:
        empty = (
            "not empty within a day"
            if math.isinf(forecast.queue_empty)
            else f"empty after {_duration(forecast.queue_empty)}"
        )
        yield "jobs", f"{forecast.jobs:,}, {forecast.jobs_waiting:,} waiting at most, {empty}", 0
    yield "costs", f"{forecast.usd:,.2f} USD before the free tier", 0


def _limits(forecast: Forecast) -> str:
    scenario = forecast.scenario
    if scenario.reserved >= 0:
        return f"{scenario.reserved:,.0f} reserved"
    each = scenario.environment_rate
    return f"{scenario.environments:,.0f}" + f", {each * scenario.environments:,.0f} requests a second" * bool(each)


def _row(moment: Moment) -> str:
    return (
        f"{_duration(moment.second):>11}{moment.requests:>12,.0f}{moment.environments:>14,}{moment.busy:>9,}"
        f"{moment.cold:>8,}{moment.refused:>10,}{moment.jobs_waiting:>14,}"
    )


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "under 0.1%" if share else "none"


def _duration(seconds: float) -> str:
    if seconds < 10 and seconds % 1:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1 or (minutes < 3 and rest):
        return f"{round(seconds)} s"
    return f"{minutes} min" + f" {rest} s" * bool(rest)
