"""The CDK app: one stage of the infrastructure. `make infra-check` and `make deploy` run it."""

import sys

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from system.image import ImageStack
from system.own import OwnError, add_own
from system.settings import Settings, SettingsError
from system.stack import AppStack


def synthesizer(settings: Settings) -> cdk.CliCredentialsStackSynthesizer:
    """Deploy with the caller's rights: the roles that `cdk bootstrap` creates may change every stack of the account."""
    return cdk.CliCredentialsStackSynthesizer(bucket_prefix=f"{settings.name}/")


app = cdk.App()
try:
    settings = Settings.of(app.node)
    environment = cdk.Environment(region=settings.region)
    image = ImageStack(
        app, f"{settings.name}-image", settings=settings, env=environment, synthesizer=synthesizer(settings)
    )
    stack = AppStack(app, settings.name, settings=settings, env=environment, synthesizer=synthesizer(settings))
    if settings.permissions_boundary:
        boundary = iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", settings.permissions_boundary)
        iam.PermissionsBoundary.of(app).apply(boundary)
    stack.add_stack_dependency(image)
    add_own(stack)
except (SettingsError, OwnError) as error:
    sys.exit(str(error))
cdk.Tags.of(app).add("project", settings.project)
cdk.Tags.of(app).add("stage", settings.stage)
if app.node.try_get_context("audit"):
    from audit import add_rules

    add_rules(app, stack)
app.synth()
