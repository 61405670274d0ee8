"""How long the app takes on Lambda: measured on this machine and converted, or read from a stage's logs."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median, quantiles
from typing import Any

from kit.coldstart import start
from kit.coldstart.start import Start
from kit.errors import UsageError
from kit.ops.aws_account import Account
from kit.ops.retry import RETRY
from kit.ops.spike.scenario import lambda_share
from kit.ops.stage import Stage

STARTS = 3
"""Cold starts that are measured; the fastest counts, as in `make cold`."""
IMAGE_MS = 300.0
"""From the request to the first instruction in a new environment: an assumption, since AWS publishes no figure."""
ROUND_TRIP_MS = 1.0
"""To a database in the same region: an assumption."""
CONNECT, REQUEST = 7, 3
"""Round trips of a first connection through TLS, and of a request."""
LINES, HOURS = 10_000, 24
"""Log lines that are read of a stage, and their age at most."""
FEWEST = 100
"""Requests in the logs from which a median is taken."""


@dataclass(frozen=True)
class AppTimes:
    """Milliseconds on Lambda, and where they are from."""

    cold: float
    warm: float
    spread: float | None
    """99th percentile ÷ median of a response's time, if known."""
    source: str


def measure(memory: float) -> AppTimes:
    """Start the app here; raises `UsageError` if it doesn't start, or can't answer.

    memory: of the web function in MB, which decides on its share of a processor.
    """
    fastest = min((start.start("/") for _ in range(STARTS)), key=Start.total)
    measured = fastest.measured
    if "unreachable" in measured:
        raise UsageError(
            f"The app's times can't be measured: its database can't be reached ({measured['unreachable']}). "
            "State them: make spike ARGS='--cold-ms 900 --warm-ms 10'"
        )
    share = lambda_share(memory)
    cold = fastest.total() / share + IMAGE_MS + (CONNECT + REQUEST) * ROUND_TRIP_MS
    warm = measured["next"] / share + REQUEST * ROUND_TRIP_MS
    note = "" if measured["status"] < 400 else f"; GET / ANSWERED WITH STATUS {measured['status']}: make migrate"
    return AppTimes(
        cold,
        warm,
        None,
        f"{fastest.total():.0f} ms cold and {measured['next']:.1f} ms warm on this machine (make cold), at {share:.0%} of a "
        f"processor; {IMAGE_MS:.0f} ms for the image, {ROUND_TRIP_MS:g} ms for each round trip to the database{note}",
    )


def of_stage(account: Account, stage: Stage, memory: float) -> AppTimes:
    """The times of requests in the last day's logs; Lambda doesn't log cold starts there, so those are measured here.

    Raises `UsageError` if there are too few requests, or no access.
    """
    here = measure(memory)
    client = account.session.client("logs", config=RETRY)
    times = sorted(islice(_milliseconds(client, f"/{stage.resource_prefix}/web"), LINES))
    if len(times) < FEWEST:
        return AppTimes(
            here.cold,
            here.warm,
            None,
            f"{here.source}; the stage's logs have only {len(times)} requests of the last day",
        )
    warm = max(0.1, median(times))
    spread = max(1.0, quantiles(times, n=100)[98] / warm)
    source = f"warm from {len(times):,} requests in the logs of {stage.resource_prefix}; cold from this machine: {here.source}"
    return AppTimes(here.cold, warm, spread, source)


def _milliseconds(client: Any, group: str) -> Iterator[float]:
    request = {
        "logGroupName": group,
        "startTime": int((time.time() - HOURS * 3600) * 1000),
        "filterPattern": "{ $.ms >= 0 }",
    }
    try:
        while True:
            page = client.filter_log_events(**request)
            for event in page["events"]:
                yield float(json.loads(event["message"])["ms"])
            if not page.get("nextToken"):
                return
            request["nextToken"] = page["nextToken"]
    except client.exceptions.ResourceNotFoundException:
        raise UsageError(f"There is no log group {group}. Deploy first, or leave STAGE= away.") from None
