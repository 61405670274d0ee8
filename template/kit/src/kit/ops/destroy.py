"""`make destroy`: take a stage away, however much of it there is; never its database, nor its secrets."""

import argparse
import sys
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, confirm, deployed_by, iac, retry, secret
from kit.ops.aws_account import Account
from kit.ops.progress import step
from kit.ops.stage import Stage


def register(commands: Any) -> None:
    """Add the command and its options."""
    destroy = commands.add_parser("destroy", help="take a stage away; never its database")
    Stage.option(destroy)
    destroy.add_argument("--confirm", default="", help="its name, <project>-<stage>, where nobody can be asked")
    destroy.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Stop what runs, take the infrastructure away, and forget the task definition's revisions."""
    stage = Stage.of(arguments.stage)
    account = aws_account.account()
    deployed_by.require(account, stage)
    print(
        f"\n{stage.called} in {account.region} of account {account.number} will be gone: its functions, tasks, alarms, "
        "images and logs, and the jobs that wait in its queues.\n"
        f"What stays: the database, and {secret.parameter(stage, '*')} in SSM.\n",
        file=sys.stderr,
    )
    again = f"make destroy STAGE={stage.name} CONFIRM={stage.called}"
    confirm.ask_for_name(stage.called, given=arguments.confirm, otherwise=f"Name it: {again}")
    with step("stop its tasks") as current:
        current.say(f"{stop_tasks(account, stage)} ran")
    try:
        with step("take the infrastructure away") as current:
            iac.run("infra-destroy", stage, current)
    except UsageError as error:
        raise UsageError(f"{error}\n\nThe rest of {stage.called} is still there. Go on with: {again}") from None
    with step("forget its task definitions") as current:
        current.say(f"{forget(account, stage)} revisions")


def stop_tasks(account: Account, stage: Stage) -> int:
    """Stop what runs in the stage's cluster, as it could not be taken away otherwise; give how many."""
    ecs = account.session.client("ecs", config=retry.PATIENT)
    try:
        pages = ecs.get_paginator("list_tasks").paginate(cluster=stage.called)
        tasks = [task for page in pages for task in page["taskArns"]]
    except ecs.exceptions.ClusterNotFoundException:
        return 0
    for task in tasks:
        ecs.stop_task(cluster=stage.called, task=task, reason="make destroy")
    for begin in range(0, len(tasks), 100):  # as many as may be asked for at once
        ecs.get_waiter("tasks_stopped").wait(cluster=stage.called, tasks=tasks[begin : begin + 100])
    return len(tasks)


def forget(account: Account, stage: Stage) -> int:
    """Deregister every revision, as the infrastructure keeps them for rollbacks; give how many."""
    ecs = account.session.client("ecs", config=retry.PATIENT)
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=stage.called, status="ACTIVE")
    revisions = [revision for page in pages for revision in page["taskDefinitionArns"]]
    for revision in revisions:
        ecs.deregister_task_definition(taskDefinition=revision)
    return len(revisions)
