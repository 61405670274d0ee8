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
        log_group = LogGroup(self, "Logs", settings=settings, part=part)
        log_group.grant_write(self.role)
        environment.grant(self.role)
        repository = ecr.Repository.from_repository_name(self, "Repository", settings.name)
        arm = settings.architecture == "arm64"
        self.function = lambda_.DockerImageFunction(
            self,
            "Function",
            function_name=f"{settings.name}-{part}",
            description=description,
            code=lambda_.DockerImageCode.from_ecr(
                repository, tag_or_digest=settings.digest, cmd=[f"kit.aws_lambda.{part}.handler"]
            ),
            architecture=lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64,
            memory_size=memory,
            timeout=timeout,
            reserved_concurrent_executions=reserved_concurrency,
            # A fixed revision, so that an earlier version starts tasks of its own image.
            environment=environment.variables | {"JOBS_TASK_DEFINITION": tasks.definition.task_definition_arn},
            log_group=log_group,
            role=self.role,
        )
        # CDK adds the dependency on the role twice.
        self.function.node.default_child.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
        # Never change it here, as that would make the newest code live before its health was checked.
        self.live = lambda_.Alias(self, "Live", alias_name="live", version=self.function.latest_version)
