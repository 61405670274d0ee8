"""The app's image as a Lambda function: the alias `live` before it, its logs, a role of its own."""

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
    """A function; `make deploy` and `make rollback` let its alias point at a version."""

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
            role_name=f"{settings.name}-{part}",  # named, so that infra/policies can name it
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
            # One revision, so that an earlier version starts an earlier image.
            environment=environment.variables | {"JOBS_TASK_DEFINITION": tasks.definition.task_definition_arn},
            log_group=log_group,
            role=self.role,
        )
        # CDK lets a function wait for its role twice over.
        self.function.node.default_child.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
        # Nothing may ever change here, as that would let the newest code take over before it was tried.
        self.live = lambda_.Alias(self, "Live", alias_name="live", version=self.function.latest_version)
