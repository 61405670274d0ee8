"""Nothing is started twice, whatever the network does: 200 commands and 100 sessions with random API failures.

What counts as begun is what the server has recorded: tasks that were started, sessions that were opened.
"""

import random
import time
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from cloud import PATIENCE, Cloud, Refused, serving
from task_backends import Nowhere

from kit.errors import UsageError
from kit.ops import oneoff_task
from kit.ops.deployed import Deployed
from kit.ops.ecs_task import Task, TaskSpec
from kit.ops.exec import ecs_exec

FAULTS = [
    Refused("ThrottlingException", "Rate exceeded"),
    Refused("ServerException", "Service unavailable", 503),
    Refused("InternalFailure", "no reason", 500),
]


class Weather:
    """A third of the calls fail: rejected, dropped before or after they are processed, or answered too late."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def fault(self, _: str, __: int) -> Exception | None:
        return self.random.choice(FAULTS) if self.random.random() < 0.17 else None

    def drop(self, _: str, __: int) -> bool:
        if self.random.random() < 0.02:
            time.sleep(2 * PATIENCE)
        return self.random.random() < 0.17


def cloud(seed: int, code: int | None) -> Cloud:
    aws, weather = Cloud(Nowhere(code=code)), Weather(seed)
    aws.faults.append(weather.fault)
    aws.drops.append(weather.drop)
    return aws


def test_no_command_is_run_twice_and_every_exit_code_is_right(
    quick: None, deployed: Deployed, account: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = 0
    for code in (0, 3):
        aws = cloud(code, code)
        with serving(aws) as served:
            logged_in = account(served)
            for number in range(100):
                before = len(aws.tasks)
                try:
                    exit_code = oneoff_task.run(logged_in, deployed, TaskSpec(["true"], f"run {number}"))
                except UsageError as error:
                    failed += 1
                    assert "AWS" in str(error)
                else:
                    assert exit_code == code
                assert len(aws.tasks) <= before + 1
        assert aws.count("RunTask") > len(aws.tasks), "some requests were repeated"
        assert not aws.alive()
    assert failed < 10, "what passes is waited for"


def test_no_session_is_opened_twice(
    quick: None, deployed: Deployed, account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecs_exec, "PLUGIN", "true")
    failed_sessions = 0
    aws = cloud(5, None)
    with serving(aws) as served:
        logged_in = account(served)
        for _ in range(100):
            task = Task(logged_in, deployed)
            task.start(TaskSpec())
            task.wait_until_running()
            before = len(aws.opened)
            try:
                ecs_exec.enter(task, ["python"])
            except (UsageError, ClientError, BotoCoreError):
                failed_sessions += 1
            assert len(aws.opened) <= before + 1
            task.stop("the test is over")
    assert 0 < failed_sessions < 60, "what may have begun is given up, and what has not is asked for again"
    assert not aws.alive()
