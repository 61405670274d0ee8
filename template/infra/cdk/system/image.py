"""The image repository, in a stack of its own: it must exist before the first image is pushed."""

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from .settings import Settings


class ImageStack(cdk.Stack):
    """The repository."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        env: cdk.Environment,
        synthesizer: cdk.IStackSynthesizer,
    ) -> None:
        super().__init__(scope, id, env=env, synthesizer=synthesizer)
        repository = ecr.Repository(
            self,
            "Repository",
            repository_name=settings.name,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            empty_on_delete=True,
        )
        repository.add_lifecycle_rule(description="Keep the images that a rollback may need", max_image_count=20)
        repository.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                principals=[iam.ServicePrincipal("lambda.amazonaws.com")],
                # Source: Lambda Developer Guide, "Create a function using a container image".
                conditions={"StringLike": {"aws:SourceArn": self.format_arn(service="lambda", resource="function:*")}},
            )
        )
        cdk.CfnOutput(self, "RepositoryUri", value=repository.repository_uri, description="URI of the image repository")
