"""Jobs as a Lambda function; its command is `kit.aws_lambda.jobs.handler`."""

import logging
from typing import Any

from kit import logs
from kit.aws_lambda import bootstrap
from kit.jobs import loading, streams
from kit.jobs.enqueue import configured_queues, enqueue_tick
from kit.jobs.runners import aws_lambda

log = logging.getLogger("kit.jobs")

logs.configure()


class UnknownEvent(ValueError):
    """The function was invoked with an event that it does not handle."""


def handler(event: Any, context: Any) -> Any:
    """Run a batch of messages from SQS, or enqueue the jobs of a schedule that is due or of records of a stream."""
    match event:
        case {"Records": [{"eventSource": "aws:sqs"}, *_]}:
            return aws_lambda.run(event, lambda: context.get_remaining_time_in_millis() / 1000)
        case {"Records": [{"eventSource": "aws:dynamodb"}, *_] as records}:
            return streams.enqueue(records, configured_queues())
        case {"schedule": str(name), "time": str(time)}:
            if context.function_version == "$LATEST" and context.invoked_function_arn.endswith(":live"):
                log.info("a tick of %s is ignored: the first deployment is not complete", name)
                return None
            return enqueue_tick(name, time)
    keys = ", ".join(sorted(event)) if isinstance(event, dict) else type(event).__name__
    raise UnknownEvent(
        "The jobs' function takes batches from SQS, ticks of schedules and records of DynamoDB streams, not an event "
        f"with: {keys}. Is it behind the right trigger? Web requests go to kit.aws_lambda.web.handler."
    )


# The jobs are imported after `handler` is defined, so that the app may wrap it, as OpenTelemetry's instrumentation does.
loading.load()
bootstrap.import_complete()
