"""The app's stack, which wires the parts."""

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from .alarms import Alarms, Brake
from .dashboard import Dashboard
from .environment import Environment
from .events import Events
from .function import image_code
from .jobs import Jobs
from .manifest import Manifest
from .network import Network
from .queues import Queues
from .schedules import Schedules
from .settings import Settings
from .tasks import Tasks
from .web import Web


class AppStack(cdk.Stack):
    """Everything but the image repository."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        env: cdk.Environment,
        synthesizer: cdk.IStackSynthesizer,
    ) -> None:
        description = f"{settings.project}, {settings.stage}"
        super().__init__(scope, id, env=env, synthesizer=synthesizer, description=description)
        self.settings = settings
        manifest = Manifest.read(settings.kept_queues.split(",") if settings.kept_queues else [])
        self.network = network = Network(self, "Network", settings=settings)
        self.queues = queues = Queues(self, "Queues", settings=settings, manifest=manifest)
        self.cluster = cluster = ecs.Cluster(self, "Ecs", vpc=network.vpc, cluster_name=settings.name)
        environment = Environment(
            self, "Environment", settings=settings, queues=queues, network=network, cluster=cluster
        )
        self.tasks = tasks = Tasks(
            self, "Tasks", settings=settings, cluster=cluster, environment=environment, queues=queues
        )
        self.web = web = Web(self, "Web", settings=settings, environment=environment, tasks=tasks)
        self.jobs = jobs = Jobs(
            self,
            "Jobs",
            settings=settings,
            manifest=manifest,
            environment=environment,
            queues=queues,
            tasks=tasks,
        )
        Schedules(self, "Schedules", manifest=manifest, environment=environment, queues=queues, jobs=jobs)
        self.events = Events(self, "Events", settings=settings, manifest=manifest, queues=queues, jobs=jobs)
        Alarms(self, "Alarms", settings=settings, manifest=manifest, web=web, jobs=jobs, queues=queues)
        if settings.budget_brake and not settings.is_preview:
            Brake(self, "Brake", settings=settings, web=web)
        if settings.dashboard and not settings.is_preview:
            Dashboard(self, "Dashboard", settings=settings, web=web, jobs=jobs, queues=queues)

        for name, value, description in (
            ("Address", web.address, "The app's URL"),
            ("DomainTarget", web.domain_target, "Target of the domain's DNS record, a CNAME or an alias"),
            ("WebFunction", web.function.function.function_name, "The web function"),
            ("JobsFunction", jobs.function.function.function_name, "The jobs function"),
            ("Cluster", cluster.cluster_name, "The ECS cluster of tasks"),
            ("TaskDefinition", settings.name, "The task definition's family"),
            ("Subnets", ",".join(network.subnet_ids), "The subnets of tasks, separated by commas"),
            ("SecurityGroup", network.security_group.security_group_id, "The security group of tasks"),
        ):
            if value:
                cdk.CfnOutput(self, name, value=value, description=description)

    @property
    def roles(self) -> list[iam.Role]:
        """The roles of the app's code: of the web function, the jobs function, and tasks."""
        return [self.web.function.role, self.jobs.function.role, self.tasks.role]

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of both functions."""
        return self.web.function.variables

    def add_environment(self, name: str, value: str) -> None:
        """Add an environment variable to both functions and to tasks, or replace one."""
        for part in (self.web.function, self.jobs.function):
            part.add_environment(name, value)
        self.tasks.definition.default_container.add_environment(name, value)

    def image_code(self, handler: str) -> lambda_.DockerImageCode:
        """The app's image for a function of your own; `handler` is such as `app.thumbnails.handler`."""
        return image_code(self, handler, settings=self.settings)
