"""The events that start jobs: rules of EventBridge, topics of SNS, streams of DynamoDB tables.

Rules and topics send to the queue of their job. Names that are no ARN are of the stage's own resources.
"""

import json
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from .jobs import Jobs
from .manifest import Manifest
from .queues import Queues
from .settings import Settings


class Events(Construct):
    """The sources of events that the app declares with @on."""

    def __init__(
        self, scope: Construct, id: str, *, settings: Settings, manifest: Manifest, queues: Queues, jobs: Jobs
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._queues, self._jobs = settings, queues, jobs
        self._fifo = {queue.name for queue in manifest.queues if queue.fifo}
        self._rules: dict[str, list[str]] = {}
        self._topics: dict[str, list[str]] = {}
        self.streams: dict[str, str] = {}
        """The ARN of the stream of each of your own tables, by the name in @on.stream; set it in own.py."""
        for event in manifest.events:
            if event["kind"] == "rule":
                self._add_rule(event)
            elif event["kind"] == "topic":
                self._subscribe(event)
            else:
                self._read_stream(event)
        self._allow()

    def _add_rule(self, event: dict[str, Any]) -> None:
        bus, queue = event["bus"], event["queue"]
        rule = events.CfnRule(
            self,
            f"{event['name']}-rule",
            name=f"{self._settings.name}-{event['name']}",
            description=f"Starts {event['job']}",
            event_bus_name=bus if bus == "default" or bus.startswith("arn:") else f"{self._settings.name}-{bus}",
            event_pattern=json.loads(json.dumps(event["pattern"]).replace("<name>", self._settings.name)),
            targets=[
                events.CfnRule.TargetProperty(
                    id="jobs",
                    arn=self._queues.jobs[queue].queue_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map=event["input"]["paths"], input_template=event["input"]["template"]
                    ),
                    sqs_parameters=events.CfnRule.SqsParametersProperty(message_group_id=event["job"])
                    if queue in self._fifo
                    else None,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self._queues.default_dead.queue_arn),
                )
            ],
        )
        self._rules.setdefault(queue, []).append(rule.attr_arn)

    def _subscribe(self, event: dict[str, Any]) -> None:
        topic, queue = event["topic"], event["queue"]
        if not topic.startswith("arn:"):
            topic = cdk.Stack.of(self).format_arn(service="sns", resource=f"{self._settings.name}-{topic}")
        sns.CfnSubscription(
            self,
            f"{event['name']}-subscription",
            topic_arn=topic,
            protocol="sqs",
            endpoint=self._queues.jobs[queue].queue_arn,
            redrive_policy={"deadLetterTargetArn": self._queues.dead[queue].queue_arn},
        )
        self._topics.setdefault(queue, []).append(topic)

    def _read_stream(self, event: dict[str, Any]) -> None:
        """The jobs function enqueues the jobs of the records."""
        table, role = event["table"], self._jobs.function.role
        stream = table if table.startswith("arn:") else cdk.Lazy.string(_Stream(self.streams, event))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "dynamodb:DescribeStream",
                    "dynamodb:GetRecords",
                    "dynamodb:GetShardIterator",
                    "dynamodb:ListStreams",
                ],
                resources=[stream],
            )
        )
        failed = lambda_.CfnEventSourceMapping.OnFailureProperty(destination=self._queues.default_dead.queue_arn)
        record = lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps({"eventName": event["changes"]}))
        lambda_.CfnEventSourceMapping(
            self,
            f"{event['name']}-stream",
            event_source_arn=stream,
            function_name=self._jobs.function.live.function_arn,
            starting_position="TRIM_HORIZON",  # so that no record is missed while the mapping is created
            batch_size=100,
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            maximum_retry_attempts=-1,  # until the record expires, after a day
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(filters=[record]),
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(on_failure=failed),
        ).node.add_dependency(role)

    def _allow(self) -> None:
        """Allow the rules and topics to send to the queues, and what can't be delivered to the dead-letter queues.

        EventBridge needs a dead-letter queue that is not FIFO, so its dead letters are in the default queue's.
        """
        rules = [rule for sources in self._rules.values() for rule in sources]
        for name in self._queues.jobs:
            topics = list(dict.fromkeys(self._topics.get(name, [])))
            dead = self._queues.dead[name]
            for queue, service, sources in (
                (self._queues.jobs[name], "events", self._rules.get(name, [])),
                (self._queues.jobs[name], "sns", topics),
                (dead, "events", rules if name == "default" else []),
                (dead, "sns", topics),
            ):
                if sources:
                    queue.add_to_resource_policy(
                        iam.PolicyStatement(
                            actions=["sqs:SendMessage"],
                            resources=[queue.queue_arn],
                            principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                            conditions={"ArnEquals": {"aws:SourceArn": sources}},
                        )
                    )


@jsii.implements(cdk.IStableStringProducer)
class _Stream:
    """The ARN of a stream, which own.py sets after this construct was created."""

    def __init__(self, streams: dict[str, str], event: dict[str, Any]) -> None:
        self._streams, self._event = streams, event

    def produce(self) -> str:
        table = self._event["table"]
        if table not in self._streams:
            raise ValueError(
                f"{' and '.join(self._event['jobs'])}: the stream of the table {table} is unknown. "
                f'Set it in infra/cdk/own.py: events.streams["{table}"] = table.table_stream_arn'
            )
        return self._streams[table]
