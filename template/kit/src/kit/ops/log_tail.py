"""What a stage writes, read from CloudWatch Logs: every line once, in the order of time, however late one comes."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from time import monotonic
from typing import Any

from kit.errors import UsageError
from kit.ops import retry

PARTS = ("web", "jobs", "tasks")
"""Each has a log group of its own, /<project>-<stage>/<part>."""
LATE = 60_000
"""Milliseconds by which a line may come after a later one: CloudWatch takes what a process hands over, in batches."""
GIVE_UP = 300.0
"""Seconds without an answer from AWS."""


@dataclass(frozen=True)
class Line:
    """One line, and who wrote it; `time` is in milliseconds since 1970."""

    time: int
    id: str
    part: str
    text: str


class Lines:
    """The lines of some parts from a moment on; each call of `read` gives those that came since the one before."""

    def __init__(self, logs: Any, called: str, parts: list[str], since: int, say: Callable[[str], None]) -> None:
        self.logs, self.called, self.say = logs, called, say
        self.from_ = dict.fromkeys(parts, since)
        self.seen: dict[str, int] = {}
        """The time of each line that has been given and may be met again, by its id."""

    def read(self) -> Iterator[Line]:
        """Give what is new; raises `UsageError` when it may not be read, or is not there."""
        newest = dict(self.from_)
        for line in heapq.merge(*(self._of(part) for part in self.from_), key=attrgetter("time")):
            if line.id not in self.seen:
                self.seen[line.id] = line.time
                newest[line.part] = max(newest[line.part], line.time)
                yield line
        self.from_ = {part: max(self.from_[part], newest[part] - LATE) for part in self.from_}
        oldest = min(self.from_.values())
        self.seen = {id: time for id, time in self.seen.items() if time >= oldest}

    def _of(self, part: str) -> Iterator[Line]:
        asked: dict[str, Any] = {"logGroupName": f"/{self.called}/{part}", "startTime": self.from_[part]}
        while True:
            answer = retry.until(lambda: self._ask(asked), monotonic() + GIVE_UP, self.say)
            for event in answer["events"]:
                yield Line(event["timestamp"], event["eventId"], part, event["message"].rstrip("\n"))
            if not answer.get("nextToken"):
                return
            asked["nextToken"] = answer["nextToken"]

    def _ask(self, asked: dict[str, Any]) -> Any:
        try:
            return self.logs.filter_log_events(**asked)
        except self.logs.exceptions.ResourceNotFoundException:
            region = self.logs.meta.region_name
            raise UsageError(
                f"There are no logs in {asked['logGroupName']}: nothing is deployed as {self.called} in {region}."
            ) from None
