"""Long jobs, one-off commands and consoles run on Fargate in the same image; `env` overrides its entry point."""

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from .environment import Environment, assumed_by
from .logs import LogGroup
from .queues import Queues
from .settings import Settings


class Tasks(Construct):
    """The task definition, the task's role, and the role that starts it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        cluster: ecs.Cluster,
        environment: Environment,
        queues: Queues,
    ) -> None:
        super().__init__(scope, id)
        self.cluster = cluster
        self.role = iam.Role(
            self, "Role", role_name=f"{settings.name}-task", assumed_by=assumed_by(self, "ecs-tasks.amazonaws.com")
        )
        environment.grant(self.role)
        queues.grant_receive(self.role)
        queues.grant_dead_letter(self.role)
        queues.grant_manage_failed(self.role)
        # For migrations of a PlanetScale database.
        token = f"/{settings.project}/{settings.stage}/planetscale-token"
        parameter = cdk.Stack.of(self).format_arn(service="ssm", resource="parameter", resource_name=token[1:])
        self.role.add_to_policy(iam.PolicyStatement(actions=["ssm:GetParameters"], resources=[parameter]))
        # For ECS Exec; these actions support no resources.
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                resources=["*"],
            )
        )
        self.execution_role = iam.Role(
            self,
            "Execution",
            role_name=f"{settings.name}-task-execution",
            assumed_by=assumed_by(self, "ecs-tasks.amazonaws.com"),
        )
        repository = ecr.Repository.from_repository_name(self, "Repository", settings.name)

        arm = settings.architecture == "arm64"
        self.definition = ecs.FargateTaskDefinition(
            self,
            "Definition",
            family=settings.name,
            cpu=settings.task_cpu,
            memory_limit_mib=settings.task_memory,
            task_role=self.role,
            execution_role=self.execution_role,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64 if arm else ecs.CpuArchitecture.X86_64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        # A rollback needs earlier revisions, and `make destroy` deregisters all of them.
        self.definition.node.default_child.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        self.definition.add_container(
            "app",
            image=ecs.ContainerImage.from_ecr_repository(repository, settings.digest),
            entry_point=["env"],
            command=["python", "-m", "kit", "--help"],
            environment=environment.variables
            | {"JOBS_TASK_DEFINITION": settings.name, "PLANETSCALE_TOKEN_SECRET": token},
            # Its init reaps the processes that an ECS Exec session leaves behind.
            linux_parameters=ecs.LinuxParameters(self, "Linux", init_process_enabled=True),
            stop_timeout=cdk.Duration.minutes(2),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="task", log_group=LogGroup(self, "Logs", settings=settings, part="tasks")
            ),
        )
