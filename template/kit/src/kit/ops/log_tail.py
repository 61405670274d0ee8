"""Read a stage's log groups from CloudWatch Logs: each line once, in order of time, even lines that arrive late."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from time import monotonic
from typing import Any

from kit.errors import UsageError
from kit.ops import retry

PARTS = ("web", "jobs", "tasks")
"""Each has a log group /<project>-<stage>/<part>."""
LATE = 60_000
"""How many milliseconds a line may arrive after a later one, as CloudWatch ingests them in batches."""
TIMEOUT = 300.0
"""Seconds without a response from AWS."""


@dataclass(frozen=True)
class Line:
    """A log line; `time` is in milliseconds since 1970."""

    time: int
    id: str
    part: str
    text: str


class LogTail:
    """The lines of some parts from a time on, in milliseconds since 1970."""

    def __init__(self, logs: Any, prefix: str, parts: list[str], since: int, report: Callable[[str], None]) -> None:
        self.logs, self.prefix, self.report = logs, prefix, report
        self.start = dict.fromkeys(parts, since)
        self.seen: dict[str, int] = {}
        """The time of each line that was returned and may be met again, by its id."""

    def read(self) -> Iterator[Line]:
        """Yield what is new since the last call; raises `UsageError` when there are no such logs, or no access."""
        newest = dict(self.start)
        for line in heapq.merge(*(self._read_part(part) for part in self.start), key=attrgetter("time")):
            if line.id not in self.seen:
                self.seen[line.id] = line.time
                newest[line.part] = max(newest[line.part], line.time)
                yield line
        self.start = {part: max(self.start[part], newest[part] - LATE) for part in self.start}
        oldest = min(self.start.values())
        self.seen = {id: time for id, time in self.seen.items() if time >= oldest}

    def _read_part(self, part: str) -> Iterator[Line]:
        request: dict[str, Any] = {"logGroupName": f"/{self.prefix}/{part}", "startTime": self.start[part]}
        while True:
            page = retry.retry_until(lambda: self._read_page(request), monotonic() + TIMEOUT, self.report)
            for event in page["events"]:
                yield Line(event["timestamp"], event["eventId"], part, event["message"].rstrip("\n"))
            if not page.get("nextToken"):
                return
            request["nextToken"] = page["nextToken"]

    def _read_page(self, request: dict[str, Any]) -> Any:
        try:
            return self.logs.filter_log_events(**request)
        except self.logs.exceptions.ResourceNotFoundException:
            region = self.logs.meta.region_name
            raise UsageError(
                f"There is no log group {request['logGroupName']}: nothing is deployed as {self.prefix} in {region}."
            ) from None
