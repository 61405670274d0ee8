"""What a task writes, as it comes: read from CloudWatch Logs."""

import json
import sys
import time
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from kit.ops import retry
from kit.ops.ecs_task import Task

LATE = 10.0
"""Seconds in which CloudWatch has a line that was written."""


class Output:
    """The log stream of one task, printed to standard output."""

    def __init__(self, task: Task) -> None:
        self.logs: Any = task.account.session.client("logs", config=retry.PATIENT)
        self.where = {"logGroupName": task.deployed.log_group, "logStreamName": task.log_stream}
        self.token: str | None = None
        self.ended: dict[str, Any] = {}
        """What `kit.oneoff` wrote last: the code, and how long it took."""
        self.refused = False

    def show(self) -> None:
        """Print what has come since; when it may not be read, say so once."""
        if self.refused:
            return
        with suppress(self.logs.exceptions.ResourceNotFoundException):  # nothing was written yet
            try:
                self._show()
            except ClientError as error:
                if retry.passes(error) or isinstance(error, self.logs.exceptions.ResourceNotFoundException):
                    raise
                self.refused = True
                print(f"The output cannot be shown. {retry.sentence(error)}", file=sys.stderr)

    def _show(self) -> None:
        while True:
            after = {"nextToken": self.token} if self.token else {}
            answer = self.logs.get_log_events(**self.where, startFromHead=True, **after)
            for event in answer["events"]:
                self._print(event["message"])
            if answer["nextForwardToken"] == self.token:
                return
            self.token = answer["nextForwardToken"]

    def _print(self, line: str) -> None:
        own, begins, ours = line.rpartition('{"time": ')  # a command's last line may lack its end
        if begins and '"logger": "kit.oneoff"' in ours:
            with suppress(ValueError):
                told = json.loads(begins + ours)
                self.ended = told if told["message"] == "one-off ended" else {}
                line = own
                if not own:
                    return
        print(line, flush=True)

    def drain(self) -> None:
        """Print the rest of a task that has ended; its last line is `kit.oneoff`'s, unless it was killed."""
        end = time.monotonic() + LATE
        while not self.ended and not self.refused and time.monotonic() < end:
            retry.until(self.show, end)
            time.sleep(retry.EVERY)
