"""The queues of jobs, each with a dead-letter queue."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from .manifest import Manifest
from .settings import Settings

JOBS_TIMEOUT = cdk.Duration.minutes(15)
"""Lambda's maximum; longer jobs run on Fargate."""
WORK = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
"""The actions to receive jobs from a queue."""


class Queues(Construct):
    """The queues of the manifest, by name."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, manifest: Manifest) -> None:
        super().__init__(scope, id)
        self.jobs: dict[str, sqs.Queue] = {}
        self.dead: dict[str, sqs.Queue] = {}
        self.alarm_age = {queue.name: queue.alarm_age for queue in manifest.queues}
        for queue in manifest.queues:
            fifo = True if queue.fifo else None
            part = "".join(word.capitalize() for word in queue.title.split("-"))
            dead = self.dead[queue.name] = sqs.Queue(
                self,
                f"{part}Dead",
                queue_name=f"{settings.name}-{queue.title}-dead{queue.suffix}",
                fifo=fifo,
                retention_period=cdk.Duration.days(14),
                encryption=sqs.QueueEncryption.SQS_MANAGED,
            )
            self.jobs[queue.name] = sqs.Queue(
                self,
                part,
                queue_name=f"{settings.name}-{queue.title}{queue.suffix}",
                fifo=fifo,
                content_based_deduplication=fifo,  # which EventBridge needs; the app sends an id with each message
                # As AWS recommends, to outlast Lambda's own retries.
                visibility_timeout=cdk.Duration.seconds(6 * JOBS_TIMEOUT.to_seconds()),
                retention_period=cdk.Duration.days(14),
                encryption=sqs.QueueEncryption.SQS_MANAGED,
                dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=queue.max_receive_count, queue=dead),
            )

    @property
    def default_dead(self) -> sqs.Queue:
        """The dead-letter queue of events that never reached a queue."""
        return self.dead["default"]

    def grant_send(self, role: iam.Role) -> None:
        """Allow it to enqueue jobs."""
        for queue in self.jobs.values():
            queue.grant(role, "sqs:SendMessage")

    def grant_dead_letter(self, role: iam.Role) -> None:
        """Allow it to dead-letter jobs."""
        for queue in self.dead.values():
            queue.grant(role, "sqs:SendMessage")

    def grant_receive(self, role: iam.Role) -> None:
        """Allow it to receive jobs."""
        for queue in self.jobs.values():
            queue.grant(role, *WORK)

    def grant_manage_failed(self, role: iam.Role) -> None:
        """Allow it to manage failed jobs: `python -m kit jobs failed`, `retry` and `purge`."""
        for queue in self.dead.values():
            queue.grant(role, *WORK)
