"""The output of a task, streamed from CloudWatch Logs."""

import json
import sys
import time
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from kit.ops import retry
from kit.ops.ecs_task import Task

LATE = 10.0
"""Seconds until a line that was written is in CloudWatch."""


class TaskLogs:
    """The log stream of a task, printed to standard output.

    GetLogEvents reads a single stream in order and resumes by a token, which FilterLogEvents, read by log_tail, can't.
    """

    def __init__(self, task: Task) -> None:
        self.logs: Any = task.account.session.client("logs", config=retry.RETRY)
        self.stream = {"logGroupName": task.deployed.log_group, "logStreamName": task.log_stream}
        self.token: str | None = None
        self.end_record: dict[str, Any] = {}
        """The last record of `kit.oneoff`: exit code and duration."""
        self.denied = False

    def show(self) -> None:
        """Print what is new; without permission, print that once."""
        if self.denied:
            return
        with suppress(self.logs.exceptions.ResourceNotFoundException):  # nothing was written yet
            try:
                self._show()
            except ClientError as error:
                if retry.is_retryable(error) or isinstance(error, self.logs.exceptions.ResourceNotFoundException):
                    raise
                self.denied = True
                print(f"Can't show the output. {retry.format_error(error)}", file=sys.stderr)

    def _show(self) -> None:
        while True:
            position = {"nextToken": self.token} if self.token else {}
            page = self.logs.get_log_events(**self.stream, startFromHead=True, **position)
            for event in page["events"]:
                self._print(event["message"])
            if page["nextForwardToken"] == self.token:
                return
            self.token = page["nextForwardToken"]

    def _print(self, line: str) -> None:
        output, start, record = line.rpartition('{"time": ')  # a command's last line may lack its newline
        if start and '"logger": "kit.oneoff"' in record:
            with suppress(ValueError):
                fields = json.loads(start + record)
                self.end_record = fields if fields["message"] == "one-off ended" else {}
                line = output
                if not output:
                    return
        print(line, flush=True)

    def drain(self) -> None:
        """Print the rest of a task that has ended; its last line is `kit.oneoff`'s, unless that was killed."""
        deadline = time.monotonic() + LATE
        while not self.end_record and not self.denied and time.monotonic() < deadline:
            retry.retry_until(self.show, deadline)
            time.sleep(retry.POLL_SECONDS)
