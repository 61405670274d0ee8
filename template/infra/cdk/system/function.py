"""A Lambda function of the app's image, with an alias `live`, a log group and a role."""

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from .environment import Environment
from .logs import LogGroup
from .settings import Settings
from .tasks import Tasks


class Function(Construct):
    """A function; `make deploy` and `make rollback` point its alias at a version."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        environment: Environment,
        tasks: Tasks,
        part: str,
        description: str,
        memory: int,
        timeout: cdk.Duration,
        reserved_concurrency: int | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.role = iam.Role(
            self,
            "Role",
            role_name=f"{settings.name}-{part}",  # named, so that infra/policies can refer to it
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        self.log_group = LogGroup(self, "Logs", settings=settings, part=part)
        self.log_group.grant_write(self.role)
        environment.grant(self.role)
        # A fixed revision, so that an earlier version starts tasks of its own image.
        self.variables = environment.variables | {"JOBS_TASK_DEFINITION": tasks.definition.task_definition_arn}
        arm = settings.architecture == "arm64"
        self.function = lambda_.DockerImageFunction(
            self,
            "Function",
            function_name=f"{settings.name}-{part}",
            description=description,
            code=image_code(self, f"kit.aws_lambda.{part}.handler", settings=settings),
            architecture=lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64,
            memory_size=memory,
            timeout=timeout,
            reserved_concurrent_executions=reserved_concurrency,
            environment=self.variables,
            log_group=self.log_group,
            # Without START and REPORT, which are more than the app's own line for a request. LOG_LEVEL decides on the rest.
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            application_log_level_v2=lambda_.ApplicationLogLevel.DEBUG,
            role=self.role,
        )
        # Never change it here, as that would make the newest code live before its health was checked.
        self.live = lambda_.Alias(self, "Live", alias_name="live", version=self.function.latest_version)

    def add_environment(self, name: str, value: str) -> None:
        """Add an environment variable, or replace one."""
        self.variables[name] = value
        self.function.add_environment(name, value)


def image_code(scope: Construct, handler: str, *, settings: Settings) -> lambda_.DockerImageCode:
    """The app's image with a handler."""
    repository = scope.node.try_find_child("Repository") or ecr.Repository.from_repository_name(
        scope, "Repository", settings.name
    )
    return lambda_.DockerImageCode.from_ecr(repository, tag_or_digest=settings.digest, cmd=[handler])
