"""Alarms: failed jobs, errors, jobs that wait too long, many requests; and the brake that a budget closes."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from .function import image_code
from .jobs import Jobs
from .logs import LogGroup
from .manifest import Manifest
from .queues import Queues
from .settings import Settings
from .web import Web


class Alarms(Construct):
    """The alarms, and the topic they publish to."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        manifest: Manifest,
        web: Web,
        jobs: Jobs,
        queues: Queues,
    ) -> None:
        super().__init__(scope, id)
        self._name = settings.name
        self.topic = sns.Topic(self, "Topic", topic_name=f"{settings.name}-alarms")
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        if settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        if not settings.is_preview:
            self._watch(settings, manifest, web, jobs, queues)

    def _watch(self, settings: Settings, manifest: Manifest, web: Web, jobs: Jobs, queues: Queues) -> None:
        minute, five_minutes = cdk.Duration.minutes(1), cdk.Duration.minutes(5)
        for name, queue in queues.jobs.items():
            title = name.removesuffix(".fifo")
            self._alarm(
                f"{title}-dead",
                f"A job in the queue {name} failed for good: ./exec python -m kit jobs failed",
                queues.dead[name].metric_approximate_number_of_messages_visible(period=minute, statistic="Maximum"),
                1,
            )
            self._alarm(
                f"{title}-age",
                f"A job in the queue {name} has waited for half an hour longer than the longest of its jobs may run",
                queue.metric_approximate_age_of_oldest_message(period=five_minutes, statistic="Maximum"),
                queues.alarm_age[name],
            )
        function = jobs.function.function
        if any(event["kind"] == "stream" for event in manifest.events):
            self._alarm(
                "jobs-streams",
                "A record of a stream has been waiting for half an hour for the jobs function",
                function.metric("IteratorAge", period=five_minutes, statistic="Maximum"),
                1_800_000,
            )
        self._alarm("jobs-errors", "The jobs function returns errors", function.metric_errors(period=five_minutes), 1)
        # This includes the web function's errors and throttles: the API answers them with a 5xx.
        failures = web.api.metric_server_error(period=five_minutes, statistic="Sum")
        self._alarm("api-5xx", "The API returns errors", failures, 5)
        self._alarm(
            "api-requests",
            "More requests in five minutes than expected: see make status, make logs and make cost",
            web.api.metric_count(period=five_minutes, statistic="Sum"),
            settings.requests_alarm,
        )

    def _alarm(self, name: str, description: str, metric: cloudwatch.Metric, threshold: int) -> None:
        cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._name}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        ).add_alarm_action(actions.SnsAction(self.topic))


class Brake(Construct):
    """AWS Budgets publishes to a topic above `budget_brake`, and a function has the API refuse all requests.

    The function knows no secret and may do nothing else.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, web: Web) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        name = f"{settings.name}-brake"
        role = iam.Role(self, "Role", role_name=name, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group = LogGroup(self, "Logs", settings=settings, part="brake")
        log_group.grant_write(role)
        stages = f"arn:{stack.partition}:apigateway:{stack.region}::/apis/{web.api.api_id}/stages/*"
        role.add_to_policy(iam.PolicyStatement(actions=["apigateway:PATCH"], resources=[stages]))
        arm = settings.architecture == "arm64"
        function = lambda_.DockerImageFunction(
            self,
            "Function",
            function_name=name,
            description="Refuses all requests above the budget",
            code=image_code(self, "kit.aws_lambda.brake.handler", settings=settings),
            architecture=lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64,
            memory_size=512,
            timeout=cdk.Duration.minutes(1),
            environment={"BRAKE_API": web.api.api_id},
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            application_log_level_v2=lambda_.ApplicationLogLevel.DEBUG,
            role=role,
        )
        topic = sns.Topic(self, "Topic", topic_name=name)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                principals=[iam.ServicePrincipal("budgets.amazonaws.com")],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        topic.add_subscription(subscriptions.LambdaSubscription(function))
