"""Missing prerequisites of ./exec are reported with a remedy before anything is started."""

import json
import os
import re
from pathlib import Path

import pytest
from cloud import Refused
from exec_client import Exec

from waiting import until

DENIED = (
    "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: ecs:{0} on resource: * "
    "because no identity-based policy allows the ecs:{0} action"
)


def refuse(aws: Exec, operation: str, error: Refused) -> None:
    aws.cloud.faults.append(lambda requested, _: error if requested == operation else None)


def shown(aws: Exec, *arguments: str, code: int = 2, **environ: str) -> str:
    """Run ./exec in a terminal; return its output."""
    terminal = aws.terminal(*arguments, **environ)
    assert terminal.ended() == code
    return " ".join(str(terminal.before).split())


def test_a_session_needs_a_terminal(paper: Exec) -> None:
    done = paper.run("bash")
    assert done.returncode == 2
    assert "A session needs a terminal. Without one, use: ./exec --run -- COMMAND" in done.stderr
    assert not paper.cloud.requests


def test_it_says_how_to_get_the_plugin(paper: Exec) -> None:
    path = os.pathsep.join(one for one in paper.environ["PATH"].split(os.pathsep) if "oneoff" not in one)
    output = shown(paper, PATH=path)
    assert "session-manager-plugin is not installed" in output
    assert "brew install --cask session-manager-plugin" in output
    assert not paper.cloud.requests


def test_it_says_how_to_log_in(paper: Exec, tmp_path: Path) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(tmp_path)}
    done = paper.run("--run", "--", "true", **nobody, AWS_EC2_METADATA_DISABLED="true", UV_CACHE_DIR=cache())
    assert done.returncode == 2
    assert "No AWS credentials were found. Log in first: aws sso login, or set AWS_PROFILE." in done.stderr


def cache() -> str:
    return os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")


@pytest.mark.parametrize("operation", ["RunTask", "ExecuteCommand"])
def test_a_missing_permission_is_named(paper: Exec, operation: str) -> None:
    refuse(paper, operation, Refused("AccessDeniedException", DENIED.format(operation)))
    output = shown(paper)
    assert f"Access denied: your role lacks ecs:{operation}" in output
    assert "Attach the policy that this prints: make policy FOR=exec" in output
    assert not paper.cloud.alive()


def test_the_policy_for_it_allows_all_that_it_asks_for(paper: Exec) -> None:
    assert shown(paper, code=143, PLUGIN_BREAKS="1")
    with paper.begin("--run", "--", "true") as client:
        until(lambda: paper.cloud.count("GetLogEvents"), what="the look for its output")
        assert paper.run("ps").returncode == 0
        assert paper.run("stop").returncode == 0
        client.communicate()
    policy = json.loads((paper.folder / "kit/policies/exec.json").read_text())
    allowed = set(re.findall(r'"([a-z]+:[A-Z][A-Za-z]+)"', json.dumps([one["Action"] for one in policy["Statement"]])))
    services = {"GetFunctionConfiguration": "lambda", "GetLogEvents": "logs", "GetCallerIdentity": "sts"}
    permissions = {f"{services.get(operation, 'ecs')}:{operation}" for operation, _ in paper.cloud.requests}
    tagged = {
        "ecs:TagResource" for operation, request in paper.cloud.requests if operation == "RunTask" and request["tags"]
    }
    permissions -= {"sts:GetCallerIdentity"}  # which needs no permission
    assert len(permissions) == 9
    assert permissions | tagged <= allowed


def test_a_task_that_never_starts_is_reported_with_ecs_reason(paper: Exec) -> None:
    output = shown(paper, "--run", "--env", "IMAGE_IS=gone", "--", "true")
    assert "TaskFailedToStart" in output
    assert "CannotPullContainerError" in output


def test_missing_capacity_is_reported(paper: Exec) -> None:
    paper.cloud.failures = [{"reason": "Capacity is unavailable at this time. Please try again later"}]
    assert "AWS could not start the task: Capacity is unavailable at this time." in shown(paper, "--run", "--", "true")
    assert not paper.cloud.tasks


def test_an_agent_that_does_not_start_is_reported_with_what_it_needs(paper: Exec) -> None:
    paper.cloud.agent_status = "STOPPED"
    output = shown(paper)
    assert "The task's exec agent does not start: it is STOPPED." in output
    assert "ssmmessages" in output
    assert not paper.cloud.alive()


def test_a_missing_stage_is_reported_with_the_existing_ones(paper: Exec) -> None:
    paper.cloud.stages = ("prod", "test")
    done = paper.run("ps", "--stage", "demo")
    assert done.returncode == 2
    assert "Nothing is deployed as my-app-demo in eu-central-1" in done.stderr
    assert "prod, test" in done.stderr


def test_of_several_stages_it_prompts_only_on_a_terminal(paper: Exec) -> None:
    paper.cloud.stages = ("prod", "test")
    done = paper.run("ps")
    assert done.returncode == 2
    assert "There is more than one stage: prod, test. Choose one: --stage prod" in done.stderr
    terminal = paper.terminal("ps")
    terminal.expect("Which stage. prod, test")
    terminal.sendline("te")
    assert terminal.ended() == 0
    assert "No one-off task is running in my-app-test." in terminal.before
    assert "my-app-prod" in paper.run("ps", STAGE="prod").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--env", "API_TOKEN=abc123"],
        ["--env", "DATABASE_URL=mysql://app:secret@host/app"],
        ["--run", "--", "mysql", "mysql://app:secret@host/app"],
    ],
)
def test_a_secret_is_refused_without_repeating_it(paper: Exec, arguments: list[str]) -> None:
    done = paper.run(*arguments)
    assert done.returncode == 2
    assert "looks like a secret" in done.stderr
    assert "--env DATABASE_URL_SECRET=/my-app/test/database-url" in done.stderr
    assert "abc123" not in done.stderr + done.stdout
    assert ":secret@" not in done.stderr + done.stdout
    assert not paper.cloud.requests


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--run"], "--run needs a command"),
        (["--detach", "bash"], "--detach needs --run"),
        (["--max", "soon"], "invalid duration 'soon'"),
        (["--env", "A", "bash"], "expected NAME=VALUE"),
        (["--run", "--", "echo", "x" * 9000], "ECS accepts 8,192"),
        (["stop", "abc"], "There is no one-off task abc in my-app-prod"),
    ],
)
def test_invalid_arguments_are_usage_errors(paper: Exec, arguments: list[str], said: str) -> None:
    done = paper.run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not paper.cloud.tasks
