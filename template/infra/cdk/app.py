"""The CDK app: one stage of the infrastructure. `make infra-check` and `make deploy` run it."""

import sys

import aws_cdk as cdk
from system.image import ImageStack
from system.own import OwnError, add_own
from system.settings import Settings, SettingsError
from system.stack import AppStack

app = cdk.App()
try:
    settings = Settings.of(app.node)
    environment = cdk.Environment(region=settings.region)
    image = ImageStack(app, f"{settings.name}-image", settings=settings, env=environment)
    stack = AppStack(app, settings.name, settings=settings, env=environment)
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
