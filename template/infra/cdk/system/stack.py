"""The app's stack, which wires the parts."""

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from .alarms import Alarms
from .dashboard import Dashboard
from .environment import Environment
from .events import Events
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

    def __init__(self, scope: Construct, id: str, *, settings: Settings, env: cdk.Environment) -> None:
        super().__init__(scope, id, env=env, description=f"{settings.project}, {settings.stage}")
        manifest = Manifest.read(settings.kept_queues.split(",") if settings.kept_queues else [])
        network = Network(self, "Network", settings=settings)
        queues = Queues(self, "Queues", settings=settings, manifest=manifest)
        cluster = ecs.Cluster(self, "Ecs", vpc=network.vpc, cluster_name=settings.name)
        environment = Environment(
            self, "Environment", settings=settings, queues=queues, network=network, cluster=cluster
        )
        tasks = Tasks(self, "Tasks", settings=settings, cluster=cluster, environment=environment, queues=queues)
        web = Web(self, "Web", settings=settings, environment=environment, tasks=tasks)
        jobs = Jobs(
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
        if settings.dashboard:
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
