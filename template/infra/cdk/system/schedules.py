"""The schedules of the manifest.

Every tick goes to the jobs function, which queues the job: it is retried, kept from overlapping, and started on Fargate
where it is too long for Lambda.
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from .environment import Environment, assumed_by
from .jobs import Jobs
from .manifest import Manifest
from .queues import Queues


class Schedules(Construct):
    """The schedules that the app declares."""

    def __init__(
        self, scope: Construct, id: str, *, manifest: Manifest, environment: Environment, queues: Queues, jobs: Jobs
    ) -> None:
        super().__init__(scope, id)
        name = f"{environment.settings.name}-schedules"
        role = iam.Role(self, "Role", role_name=name, assumed_by=assumed_by(self, "scheduler.amazonaws.com"))
        for schedule in manifest.schedules:
            target = targets.LambdaInvoke(
                jobs.function.live,
                input=scheduler.ScheduleTargetInput.from_object(schedule["input"]),
                role=role,
                retry_attempts=30,
                max_event_age=cdk.Duration.hours(1),
                dead_letter_queue=queues.default_dead,
            )
            scheduler.Schedule(
                self,
                schedule["name"],
                schedule_name=schedule["name"],
                description=f"Starts {schedule['job']}",
                schedule=scheduler.ScheduleExpression.expression(
                    schedule["expression"], cdk.TimeZone.of(schedule["timezone"])
                ),
                schedule_group=environment.group,
                target=target,
            )
