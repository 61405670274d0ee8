"""The jobs function: it is triggered by the queues, and starts a task for a job that is too long for it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from .environment import Environment, pass_role
from .function import Function
from .manifest import Manifest
from .queues import JOBS_TIMEOUT, Queues
from .settings import Settings
from .tasks import Tasks


class Jobs(Construct):
    """The function that runs jobs."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        manifest: Manifest,
        environment: Environment,
        queues: Queues,
        tasks: Tasks,
    ) -> None:
        super().__init__(scope, id)
        self.function = Function(
            self,
            "Jobs",
            settings=settings,
            environment=environment,
            tasks=tasks,
            part="jobs",
            description="Runs jobs, and enqueues those of schedules",
            memory=settings.jobs_memory,
            timeout=JOBS_TIMEOUT,
        )
        role = self.function.role
        queues.grant_receive(role)
        queues.grant_dead_letter(role)
        # Start tasks for jobs that are too long for Lambda.
        family = cdk.Stack.of(self).format_arn(
            service="ecs", resource="task-definition", resource_name=f"{settings.name}:*"
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:RunTask"],
                resources=[family],
                conditions={"ArnEquals": {"ecs:cluster": tasks.cluster.cluster_arn}},
            )
        )
        role.add_to_policy(pass_role([tasks.role, tasks.execution_role], "ecs-tasks.amazonaws.com"))
        for queue in manifest.queues:
            self.function.live.add_event_source_mapping(
                f"Source{queue.title}",
                event_source_arn=queues.jobs[queue.name].queue_arn,
                batch_size=queue.batch_size,
                report_batch_item_failures=True,
                max_concurrency=settings.jobs_concurrency,
            ).node.add_dependency(role)
        # The event of a schedule goes to the dead-letter queue when the function fails and Lambda's retries do, too.
        failed = lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queues.default_dead.queue_arn)
        lambda_.CfnEventInvokeConfig(
            self,
            "Ticks",
            function_name=self.function.function.function_name,
            qualifier=self.function.live.alias_name,
            maximum_retry_attempts=2,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(on_failure=failed),
        )
