"""`make destroy`: delete a stage, even an incomplete one; never its database or its secrets."""

import argparse
import sys
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, budget, cdn, cdn_plan, confirm, deployed, deployed_by, ecs_task, iac, retry, secret
from kit.ops.aws_account import Account
from kit.ops.progress import step
from kit.ops.stage import Stage, add_command


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "destroy", "Delete a stage; its database and its secrets stay.", run)
    parser.add_argument("--confirm", default="", help="the name of what is deleted, <project>-<stage>; else it asks")


def run(arguments: argparse.Namespace) -> None:
    """Stop tasks, delete the infrastructure, and deregister the task definition's revisions."""
    stage = Stage.of(arguments.stage)
    account = aws_account.account()
    deployed_by.require(account, stage)
    print(
        f"\nThis deletes {stage.resource_prefix} in {account.region} of account {account.number}: its functions, tasks, "
        "alarms, images and logs, and all jobs in its queues.\n"
        f"It keeps the database, and its secrets in SSM: {secret.parameter(stage, '*')}\n",
        file=sys.stderr,
    )
    again = f"make destroy STAGE={stage.name} CONFIRM={stage.resource_prefix}"
    confirm.ask_for_name(stage.resource_prefix, typed=arguments.confirm, hint=f"Run: {again}")
    with step("stop tasks") as current:
        current.update(f"{stop_tasks(account, stage)} running")
    distribution = deployed.distribution(account, stage)
    if distribution:
        cdn_plan.cancel(account, distribution)
        cdn.delete_page(account, stage)
    try:
        with step("delete the infrastructure") as current:
            iac.run("infra-destroy", stage, current)
    except UsageError as error:
        raise UsageError(
            f"{error}\n\nThe rest of {stage.resource_prefix} still exists. Continue with: {again}"
        ) from None
    with step("delete the budget"):
        budget.delete(account, stage)
    cdn.delete_origin_secret(account, stage)
    if distribution:
        cdn_plan.delete_web_acl(account, stage)
    with step("delete task definitions") as current:
        current.update(deregister(account, stage))


def stop_tasks(account: Account, stage: Stage) -> int:
    """Stop all tasks of the stage, as a cluster with tasks cannot be deleted; return how many there were."""
    ecs, cluster = account.session.client("ecs", config=retry.RETRY), stage.resource_prefix
    try:
        tasks = ecs_task.list_arns(ecs, cluster)
    except ecs.exceptions.ClusterNotFoundException:
        return 0
    for task in tasks:
        ecs.stop_task(cluster=cluster, task=task, reason="make destroy")
    for start in range(0, len(tasks), ecs_task.MAX_DESCRIBED):
        batch = tasks[start : start + ecs_task.MAX_DESCRIBED]
        ecs.get_waiter("tasks_stopped").wait(cluster=cluster, tasks=batch)
    return len(tasks)


def deregister(account: Account, stage: Stage) -> str:
    """Deregister all revisions of the task definition, which outlive a deployment; return how many, or why not.

    A pipeline for previews may not: IAM can't limit this action to a stage. The revisions cost nothing.
    """
    ecs = account.session.client("ecs", config=retry.RETRY)
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=stage.resource_prefix, status="ACTIVE")
    revisions = [revision for page in pages for revision in page["taskDefinitionArns"]]
    for revision in revisions:
        try:
            ecs.deregister_task_definition(taskDefinition=revision)
        except ecs.exceptions.AccessDeniedException:
            return f"{len(revisions)} revisions stay: you may not deregister them (ecs:DeregisterTaskDefinition)"
    return f"{len(revisions)} revisions"
