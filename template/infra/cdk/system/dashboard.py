"""A CloudWatch dashboard."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from .jobs import Jobs
from .queues import Queues
from .settings import Settings
from .web import Web

MINUTE = cdk.Duration.minutes(1)


class Dashboard(Construct):
    """Requests, latency, concurrency, jobs."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, web: Web, jobs: Jobs, queues: Queues) -> None:
        super().__init__(scope, id)
        functions = [web.function.function, jobs.function.function]
        everything = [*queues.jobs.values(), *queues.dead.values()]
        charts = [
            self._chart(
                "Requests",
                web.api.metric_count(period=MINUTE, statistic="Sum"),
                web.api.metric_server_error(period=MINUTE, statistic="Sum"),
            ),
            self._chart("Latency, p99", web.api.metric_latency(period=MINUTE, statistic="p99")),
            self._chart(
                "Concurrent environments",
                *(
                    function.metric("ConcurrentExecutions", period=MINUTE, statistic="Maximum")
                    for function in functions
                ),
            ),
            self._chart(
                "Jobs waiting and failed",
                *(
                    queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic="Maximum")
                    for queue in everything
                ),
            ),
        ]
        cloudwatch.Dashboard(self, "Dashboard", dashboard_name=settings.name, widgets=[charts[:2], charts[2:]])

    def _chart(self, title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(title=title, left=list(metrics), width=12, height=6)
