"""A deployment that GitHub cancels: its step's shell alone is signalled, and the migration's task is stopped.

The chain is the real one: bash, kit/step.py, make, uvw, uv, Python. AWS is a fake, and what precedes the migration is left out.
"""

import signal
import subprocess
from pathlib import Path

import cloud
from exec_client import environment
from task_backends import Nowhere

from waiting import until
from workflows import cancel, step

ONLY_THE_MIGRATION = '''
"""Makes `kit deploy` a deployment that only migrates, and other commands of the kit nothing."""
import os, sys
if sys.orig_argv[1:3] == ["-m", "kit"]:
    if sys.orig_argv[3] != "deploy":
        os._exit(0)
    from kit.ops import aws_account, commits, deploy, iac, releases
    deploy.check_prerequisites = lambda stage: (aws_account.account(), iac.Settings(database_secret=""), "")
    deploy.show = deploy.new_account.lacking = commits.require_tip = lambda *_: None
    deploy.queues.undeclared = lambda *_: deploy.Undeclared({}, {})
    deploy.stage_settings.generate = lambda *_: []
    deploy.lambda_quota.read_if_allowed = lambda _: (None, "")
    deploy.budget.put = lambda *_: ""
    deploy.brake.is_closed = lambda *_: False
    releases.Releases.history = lambda _: []
    deploy.Deployment.push = lambda _: "image"
    deploy.Deployment.apply = lambda _, pushed, *, keep: None
'''


def test_a_cancelled_deployment_stops_its_migration(installed_app: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("sitecustomize.py").write_text(ONLY_THE_MIGRATION)
    script = tmp_path / "step.sh"
    script.write_text(step(installed_app, "deploy.deploy", "make deploy"))
    aws = cloud.Cloud(Nowhere(code=None))
    with cloud.serving(aws) as served:
        environ = environment(served) | {"PYTHONPATH": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")}
        with tmp_path.joinpath("log").open("w") as log:
            running = subprocess.Popen(
                ["bash", "-e", str(script)],
                cwd=installed_app,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        printed = tmp_path.joinpath("log").read_text
        until(lambda: "ok    start a task" in printed() or running.poll() is not None, what="the migration", seconds=60)
        assert running.poll() is None, printed()
        assert len(aws.alive()) == 1
        assert cancel(running) == signal.SIGINT, "before the runner sends the next signal"
        assert aws.alive() == [], printed()
        assert "ok    stop the task" in printed()
    assert running.returncode != 0
    assert not tmp_path.joinpath("output").exists()
