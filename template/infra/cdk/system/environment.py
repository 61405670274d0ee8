"""Environment variables and permissions, nearly the same for both functions and for tasks."""

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from .network import Network
from .queues import Queues
from .settings import Settings


class Environment(Construct):
    """The variables, and the permissions that belong to them."""

    def __init__(
        self, scope: Construct, id: str, *, settings: Settings, queues: Queues, network: Network, cluster: ecs.Cluster
    ) -> None:
        super().__init__(scope, id)
        self.settings, self.queues = settings, queues
        self.group = scheduler.ScheduleGroup(self, "Schedules", schedule_group_name=settings.name)
        self.group.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        # For delays of more than 15 minutes, the app creates a one-time schedule that sends the job to its queue.
        self.delays = iam.Role(
            self, "Delays", role_name=f"{settings.name}-delays", assumed_by=assumed_by(self, "scheduler.amazonaws.com")
        )
        queues.grant_send(self.delays)
        queues.grant_dead_letter(self.delays)
        self.variables = {
            "APP_STAGE": settings.stage,
            "APP_SECRETS": settings.app_secrets,
            "DATABASE_URL_SECRET": settings.secret,
            "LOG_FORMAT": "json",
            "JOBS": "sqs",
            "JOBS_QUEUES": ",".join(f"{name}={queue.queue_url}" for name, queue in queues.jobs.items()),
            "JOBS_DEAD_LETTER_QUEUES": ",".join(f"{name}={queue.queue_url}" for name, queue in queues.dead.items()),
            "JOBS_SCHEDULER_GROUP": self.group.schedule_group_name,
            "JOBS_SCHEDULER_ROLE": self.delays.role_arn,
            "JOBS_CLUSTER": cluster.cluster_arn,
            "JOBS_SUBNETS": ",".join(network.subnet_ids),
            "JOBS_SECURITY_GROUPS": network.security_group.security_group_id,
            "METRICS_NAMESPACE": settings.name,
        }

    def grant(self, role: iam.Role) -> None:
        """Allow it to read the secrets, enqueue jobs, and delay them by more than 15 minutes."""
        stack = cdk.Stack.of(self)
        schedules = stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{self.settings.name}/*")
        for statement in self._read_secrets():
            role.add_to_policy(statement)
        role.add_to_policy(iam.PolicyStatement(actions=["scheduler:CreateSchedule"], resources=[schedules]))
        role.add_to_policy(pass_role([self.delays], "scheduler.amazonaws.com"))
        self.queues.grant_send(role)

    def _read_secrets(self) -> list[iam.PolicyStatement]:
        names = [self.settings.app_secrets, self.settings.secret]
        secrets = [name for name in names if name.startswith("arn:")]
        statements = [read_parameters(self, *(name for name in names if name not in secrets))]
        if secrets:
            statements.append(iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=secrets))
        return statements


def assumed_by(scope: Construct, service: str) -> iam.IPrincipal:
    """The service, acting for this account only."""
    account = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}}
    return iam.ServicePrincipal(service).with_conditions(account)


def read_parameters(scope: Construct, *names: str) -> iam.PolicyStatement:
    """Allow reading these SSM parameters, each named by its path."""
    stack = cdk.Stack.of(scope)
    arns = [stack.format_arn(service="ssm", resource="parameter", resource_name=name[1:]) for name in names]
    return iam.PolicyStatement(actions=["ssm:GetParameters"], resources=arns)


def pass_role(roles: list[iam.Role], service: str) -> iam.PolicyStatement:
    """Allow passing these roles to one service."""
    return iam.PolicyStatement(
        actions=["iam:PassRole"],
        resources=[role.role_arn for role in roles],
        conditions={"StringEquals": {"iam:PassedToService": service}},
    )
