"""What a stage's own logs say of its traffic: requests per visit, how long requests and jobs take, how much is logged.

A visit is a request for the page at `/` that was answered. What its visitor asks afterwards counts as requests per visit,
polls too.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops.aws_account import Account, format_client_error
from kit.ops.log_tail import Line, LogTail
from kit.ops.retry import RETRY
from kit.ops.stage import Stage

HOURS = 24
MAX_LINES = 100_000
"""Lines that are read at most; more would take minutes."""
OVERHEAD = 26
"""Bytes that CloudWatch Logs adds to each event. Source: CloudWatch Logs API Reference, PutLogEvents."""
VISIT = "GET /"


@dataclass(frozen=True)
class MeasuredTraffic:
    """Values for fields of `TrafficModel`, and where they come from or why there are none, in one line."""

    note: str
    values: dict[str, float] = field(default_factory=dict)


def read_if_allowed(account: Account, stage: Stage, *, cdn: bool) -> MeasuredTraffic:
    """Read the logs of the last day. With a CDN they don't tell visits, as it answers most requests itself."""
    client = account.session.client("logs", config=RETRY)
    since = int((time.time() - HOURS * 3600) * 1000)
    tail = LogTail(client, stage.resource_prefix, ["web", "jobs"], since, lambda text: None)
    try:
        lines = list(islice(tail.read(), MAX_LINES))
    except (UsageError, ClientError) as error:
        reason = format_client_error(error) if isinstance(error, ClientError) else str(error)
        return MeasuredTraffic(f"Nothing is measured: can't read the logs of {stage.resource_prefix}. {reason}")
    return summarize(lines, stage, cdn=cdn)


def summarize(lines: Iterable[Line], stage: Stage, *, cdn: bool) -> MeasuredTraffic:
    """Work out the values from log lines."""
    requests: list[float] = []
    jobs: list[float] = []
    visits = logged = 0
    for line in lines:
        record = _object(line.text)
        if line.part == "web":
            logged += len(line.text.encode()) + OVERHEAD
            if "status" in record and "ms" in record:
                requests.append(record["ms"])
                visits += record.get("message") == VISIT and 200 <= record["status"] < 400
        elif "job" in record and "ms" in record:
            jobs.append(record["ms"])
    values: dict[str, float] = {}
    if requests:
        values |= {"ms": sum(requests) / len(requests), "log_kb": logged / len(requests) / 1000}
    if jobs:
        values["job_ms"] = sum(jobs) / len(jobs)
    if visits and not cdn:
        values |= {
            "requests": len(requests) / visits,
            "poll_seconds": 0,
            "viral_poll_seconds": 0,
            "jobs": len(jobs) / visits,
        }
    if not values:
        return MeasuredTraffic(
            f"Nothing is measured: the logs of {stage.resource_prefix} have no request of the last day."
        )
    counts = {} if cdn else {"visits": visits}
    counts |= {"requests": len(requests), "jobs": len(jobs)}
    return MeasuredTraffic(
        f"Measured by the last day's logs of {stage.resource_prefix} "
        f"({', '.join(f'{name}: {number:,}' for name, number in counts.items())}): "
        f"{', '.join(f'{name} {value:.3g}' for name, value in values.items())}.",
        values,
    )


def _object(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
