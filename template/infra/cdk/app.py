"""The CDK app: one stage of the infrastructure. `make infra-check` and `make deploy` run it."""

import sys

import aws_cdk as cdk
from system.image import ImageStack
from system.settings import Settings, SettingsError
from system.stack import AppStack

app = cdk.App()
try:
    settings = Settings.of(app.node)
except SettingsError as error:
    sys.exit(str(error))
environment = cdk.Environment(region=settings.region)
image = ImageStack(app, f"{settings.name}-image", settings=settings, env=environment)
AppStack(app, settings.name, settings=settings, env=environment).add_stack_dependency(image)
cdk.Tags.of(app).add("project", settings.project)
cdk.Tags.of(app).add("stage", settings.stage)
app.synth()
