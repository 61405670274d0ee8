"""Never two migrations of a stage at once, however many deployments begin at the same moment, and whatever the network does."""

import random
import signal
import threading
import time
from typing import Any

import pytest
from cloud import Cloud, Refused, serving
from task_backends import Counted

from kit.errors import UsageError
from kit.ops import exclusive_task, oneoff_task
from kit.ops.deploy import MIGRATE
from kit.ops.deployed import Deployed
from kit.ops.ecs_task import Task, TaskSpec

SPEC = TaskSpec([*MIGRATE, "--direct"], "make deploy")
DEPLOYERS = 3


@pytest.fixture(autouse=True)
def deployers_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a main thread may handle signals."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.usefixtures("quick")
def test_deployments_that_begin_at_the_same_moment_migrate_one_after_the_other(
    deployed: Deployed, account: Any, seed: int
) -> None:
    backend, chance, codes = Counted(described=12), random.Random(seed), list[int]()
    aws = Cloud(backend)
    aws.unlisted = 0.1
    with serving(aws) as served:
        logged_in = account(served)

        def deploy(delay: float) -> None:
            time.sleep(delay)
            codes.append(exclusive_task.run(logged_in, deployed, SPEC, MIGRATE))

        moments = [chance.uniform(0, 0.5 if seed else 0) for _ in range(DEPLOYERS)]
        threads = [threading.Thread(target=deploy, args=[moment]) for moment in moments]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert codes == [0] * DEPLOYERS
    assert len(backend.ends) == DEPLOYERS, "each has run its own migrations"
    assert backend.most == 1


@pytest.mark.usefixtures("quick")
def test_the_check_is_what_keeps_them_apart(deployed: Deployed, account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusive_task, "_running", lambda *_, **__: [])
    backend = Counted(described=12, running=1.0)
    with serving(Cloud(backend)) as served:
        logged_in = account(served)
        run = [logged_in, deployed, SPEC, MIGRATE]
        threads = [threading.Thread(target=exclusive_task.run, args=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert backend.most == 2


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopping"])
@pytest.mark.usefixtures("quick")
def test_what_a_lost_deployment_has_left_is_waited_for(
    deployed: Deployed, account: Any, capsys: pytest.CaptureFixture[str], stopped: bool
) -> None:
    backend = Counted(running=3600, stopping=3600)
    aws = Cloud(backend)
    with serving(aws) as served:
        logged_in = account(served)
        lost = Task(logged_in, deployed)
        lost.start(SPEC)
        lost.wait_until_running()
        aws.faults.append(lambda operation, number: Refused("ExpiredTokenException", "The token has expired."))
        with pytest.raises(UsageError, match="Your AWS login has expired"):
            oneoff_task.follow(lost, 60)
        aws.faults.clear()
        if stopped:
            lost.stop("Its client ended.")
        backend.ends[lost.id], backend.lasting = time.monotonic() + 1.5, 0.1
        assert exclusive_task.run(logged_in, deployed, SPEC, MIGRATE) == 0
    assert backend.most == 1
    output = capsys.readouterr()
    assert f"ada@example.com is running `python -m kit migrate --direct` (task {lost.id[:8]}). Waiting" in output.err
    assert output.out.splitlines() == ["out", "out"], "of both"
