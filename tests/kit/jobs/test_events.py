"""An event of AWS becomes a job: from the message that each source sends, through the queue, to the job."""

import json
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import moto
import pytest
from aws_events import ACCOUNT, INSTANCE_TERMINATED, NOTIFICATION, OBJECT_CREATED, RECORDS
from botocore.config import Config
from sample_jobs import note
from stage import Context, Queue, effects

from kit import testing
from kit.aws_lambda import jobs as lambda_jobs
from kit.cli.main import main
from kit.errors import UsageError
from kit.jobs import JobError, hours, incoming, job, manifest, on, registry, streams
from kit.jobs.message import Message
from kit.jobs.queues import sqs
from kit.jobs.runners import fargate

Make = Callable[..., Queue]
Invoke = Callable[[Any], Any]
calls: list[Any] = []


def _take(event: Any) -> None:
    calls.append(event)
    note("ran")


@on.s3("uploads", "created", "deleted", prefix="photos/", suffix=".jpg", once=True)
@job(attempts=3, backoff=0)
def thumbnail(upload: dict[str, Any]) -> None:
    _take(upload)


@on.event(source="aws.ec2", detail_type="EC2 Instance State-change Notification", detail={"state": ["terminated"]})
@job(attempts=2, backoff=0)
def replace(event: dict[str, Any]) -> None:
    _take(event)
    raise ValueError("no instance")


@on.event(source="app.orders", bus="orders", name="paid", detail={"shop": ["<name>-shop"]})
@job(queue="orders.fifo")
def ordered(event: dict[str, Any], retry: bool = False) -> None:
    _take(event)


@on.topic("orders")
@job
def ship(order: dict[str, Any]) -> None:
    _take(order)


@on.stream("orders", "INSERT", "REMOVE")
@job(queue="orders.fifo")
def confirm(record: dict[str, Any]) -> None:
    _take(record)


@on.stream("orders", once=True)
@job(max_runtime=hours(1))
def export(record: dict[str, Any]) -> None:
    _take(record)


DECLARED = (thumbnail, replace, ordered, ship, confirm, export)


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


@pytest.fixture(autouse=True, scope="module")
def _only_here() -> Iterator[None]:
    """Other modules' tests don't see these jobs."""
    for one in DECLARED:
        registry.jobs[one.name] = one
    yield
    for one in DECLARED:
        del registry.jobs[one.name]


@pytest.fixture
def invoke(queue: Make, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Invoke the jobs function of the stage prod."""
    monkeypatch.setenv("APP_STAGE", "prod")
    return lambda event: lambda_jobs.handler(event, Context())


def drain(queue: Queue) -> int:
    return queue.drain(lambda event, context: lambda_jobs.handler(event, context), most=1)


def through_eventbridge(job: Any, event: dict[str, Any], *, fifo: bool = False) -> list[str]:
    """The bodies in the job's queue after its rule, as moto's EventBridge applies it, has seen an event."""
    [rule, *_] = job.sources
    transformer = incoming.input_template(job.name, once=rule.once, only_detail=rule.only_detail)
    with moto.mock_aws():
        aside = Config(ignore_configured_endpoint_urls=True)  # moto in this process, not the tests' SQS
        events = boto3.client("events", "eu-central-1", config=aside)
        queues = boto3.client("sqs", "eu-central-1", config=aside)
        name = "jobs.fifo" if fifo else "jobs"
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        url = queues.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        bus = "default" if rule.bus == "default" else events.create_event_bus(Name=rule.bus) and rule.bus
        pattern = json.dumps(rule.pattern).replace("<name>", "my-app-prod")
        events.put_rule(Name=rule.name, EventPattern=pattern, EventBusName=bus)
        target: dict[str, Any] = {
            "Id": "jobs",
            "Arn": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:{name}",
            "InputTransformer": {"InputPathsMap": transformer["paths"], "InputTemplate": transformer["template"]},
        }
        if fifo:
            target["SqsParameters"] = {"MessageGroupId": job.name}
        events.put_targets(Rule=rule.name, EventBusName=bus, Targets=[target])
        sent = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
        events.put_events(Entries=[sent | {"EventBusName": bus}])
        received = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [one["Body"] for one in received]


def test_an_object_in_a_bucket_starts_its_job_with_the_detail(queue: Make, invoke: Invoke) -> None:
    default = queue()
    [body] = through_eventbridge(thumbnail, OBJECT_CREATED)
    default.put(body)
    assert drain(default) == 1
    assert (calls, effects()) == ([OBJECT_CREATED["detail"]], ["ran"])
    assert (sqs.SqsQueues().count()["default"], sqs.SqsQueues().dead_letters()) == (0, [])


@pytest.mark.parametrize("key", ["photos/cat.png", "other/cat.jpg"])
def test_another_object_starts_nothing(key: str) -> None:
    detail = OBJECT_CREATED["detail"] | {"object": {"key": key}}
    assert through_eventbridge(thumbnail, OBJECT_CREATED | {"detail": detail}) == []


def test_an_event_that_is_delivered_twice_has_its_effect_once(queue: Make, invoke: Invoke) -> None:
    """`once` makes the event's id the idempotency key; another event has another."""
    default = queue()
    [body], [other] = (through_eventbridge(thumbnail, OBJECT_CREATED) for _ in range(2))
    for sent in (body, body, other):
        default.put(sent)
    assert drain(default) == 3
    assert effects() == ["ran", "ran"]


def test_a_job_that_fails_is_retried_and_ends_in_the_dead_letter_queue(queue: Make, invoke: Invoke) -> None:
    default = queue()
    [body] = through_eventbridge(replace, INSTANCE_TERMINATED)
    default.put(body)
    drain(default)
    [letter] = sqs.SqsQueues().dead_letters()
    assert (letter.job, letter.reason) == (replace.name, "ValueError: no instance (attempt 2 of 2, the last)")
    assert [event["detail"] for event in calls] == [INSTANCE_TERMINATED["detail"]] * 2
    assert {"id", "source", "detail-type", "time", "region", "account"} <= calls[0].keys()
    sqs.SqsQueues().redrive(letter)
    drain(default)
    assert len(calls) == 4, "its attempts are counted anew, with the same event"
    assert calls[3] == calls[0]


@pytest.mark.parametrize("transformed", [True, False])
def test_an_event_that_eventbridge_could_not_deliver_can_be_retried(
    queue: Make, invoke: Invoke, transformed: bool
) -> None:
    """Its documentation doesn't say whether the input transformer has been applied.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    default = queue()
    body = through_eventbridge(thumbnail, OBJECT_CREATED)[0] if transformed else json.dumps(OBJECT_CREATED)
    values = {
        "RULE_ARN": f"arn:aws:events:eu-central-1:{ACCOUNT}:rule/my-app-prod-thumbnail",
        "TARGET_ARN": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:my-app-prod-default",
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "Lack of permissions to invoke cross account target.",
    }
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
    default.sqs.send_message(QueueUrl=default.dead_url, MessageBody=body, MessageAttributes=attributes)
    [letter] = sqs.SqsQueues().dead_letters()
    assert (letter.job, letter.reason) == (
        thumbnail.name,
        "EventBridge could not deliver it: NO_PERMISSIONS: Lack of permissions to invoke cross account target.",
    )
    sqs.SqsQueues().redrive(letter)
    drain(default)
    assert calls == [OBJECT_CREATED["detail"]]


def test_a_message_that_sns_could_not_deliver_can_be_retried(queue: Make, invoke: Invoke) -> None:
    default = queue()
    default.sqs.send_message(QueueUrl=default.dead_url, MessageBody=json.dumps(NOTIFICATION))
    [letter] = sqs.SqsQueues().dead_letters()
    assert (letter.job, letter.reason) == (ship.name, "SNS could not deliver it: see the policy of the queue")
    sqs.SqsQueues().redrive(letter)
    drain(default)
    assert [event["Message"] for event in calls] == ["Hello world!"]


def test_a_fifo_queue_takes_an_event_of_an_own_bus(queue: Make, invoke: Invoke) -> None:
    orders = queue(fifo=True)
    event = {"source": "app.orders", "detail-type": "Paid", "detail": {"shop": "my-app-prod-shop", "$": "1"}}
    [body] = through_eventbridge(ordered, event, fifo=True)
    orders.sqs.send_message(
        QueueUrl=orders.url, MessageBody=body, MessageGroupId=ordered.name, MessageDeduplicationId="hash-of-the-body"
    )
    assert drain(orders) == 1
    assert calls[0]["detail"] == event["detail"], "also with a key that marks types in messages"


def test_a_job_on_fargate_gets_its_event_in_the_task(
    queue: Make, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = queue()
    started: list[dict[str, Any]] = []
    monkeypatch.setattr(fargate, "start", lambda job, message, delivery, queues: started.append(delivery._asdict()))
    assert invoke({"Records": RECORDS}) == {"batchItemFailures": [{"itemIdentifier": "111"}]}, "no FIFO queue here"
    event = default.event()
    assert event
    invoke(event)
    assert fargate.main(sqs.SqsQueues(), {fargate.VARIABLE: json.dumps(started[0])}) == 0
    assert calls == [RECORDS[0]]


def test_a_message_of_a_topic_starts_its_job(queue: Make, invoke: Invoke) -> None:
    default = queue()
    default.put(json.dumps(NOTIFICATION))
    assert drain(default) == 1
    assert calls == [
        {
            "MessageId": "63a3f6b6-d533-4a47-aef9-fcf5cf758c76",
            "TopicArn": "arn:aws:sns:us-west-2:123456789012:my-app-prod-orders",
            "Subject": "Testing publish to subscribed queues",
            "Message": "Hello world!",
            "Timestamp": "2012-03-29T05:12:16.901Z",
        }
    ]


@pytest.mark.parametrize("topic", ["my-app-prod-new-orders", "my-app-preview1-orders", "orders"])
def test_a_message_of_another_topic_ends_in_the_dead_letter_queue(queue: Make, invoke: Invoke, topic: str) -> None:
    default = queue()
    arn = f"arn:aws:sns:us-west-2:123456789012:{topic}"
    default.put(json.dumps(NOTIFICATION | {"TopicArn": arn}))
    drain(default)
    [letter] = sqs.SqsQueues().dead_letters()
    assert letter.reason == (
        f"the message is unreadable: no job of the queue default is declared with @on.topic for {arn}"
    )


def test_records_of_a_stream_start_their_jobs_in_order(queue: Make, invoke: Invoke) -> None:
    orders = queue(fifo=True)
    export.sources.clear()
    try:
        removed = RECORDS[0] | {"eventID": "3", "eventName": "REMOVE"}
        assert invoke({"Records": [RECORDS[0], RECORDS[1], removed]}) == {"batchItemFailures": []}
    finally:
        on.stream("orders", once=True)(export)
    event = orders.event()
    assert event
    groups = {record["attributes"]["MessageGroupId"] for record in event["Records"]}
    assert len(groups) == 1, "the changes of an item are of one group"
    orders.settle(event, invoke(event))
    assert [record["eventName"] for record in calls] == ["INSERT", "REMOVE"]


def test_records_that_were_not_enqueued_are_delivered_again(queue: Make, invoke: Invoke) -> None:
    """There is no FIFO queue in this stage, so the first record can't be enqueued for `confirm`."""
    queue()
    assert invoke({"Records": RECORDS}) == {"batchItemFailures": [{"itemIdentifier": "111"}]}
    assert sqs.SqsQueues().count()["default"] == 2


def test_records_of_an_unknown_table_stay_in_the_stream(queue: Make, invoke: Invoke) -> None:
    """As after a rollback to a version without the job."""
    queue()
    arn = "arn:aws:dynamodb:us-west-2:123456789012:table/my-app-prod-users/stream/2024-06-10T19:26:16.525"
    with pytest.raises(UsageError, match=r"for which no job is declared with @on\.stream"):
        invoke({"Records": [RECORDS[0] | {"eventSourceARN": arn}]})


def test_a_record_that_is_too_large_for_the_queue_comes_without_its_images(queue: Make, invoke: Invoke) -> None:
    queue()
    large = {"NewImage": {"Id": {"N": "101"}, "text": {"S": "x" * 8000}}}
    [message] = [
        message
        for message in streams.messages(RECORDS[0] | {"dynamodb": RECORDS[0]["dynamodb"] | large}, sqs.SqsQueues())
        if message.job == export.name
    ]
    record = message.arguments["record"]
    assert record["dynamodb"].keys() == {"Keys", "StreamViewType", "SequenceNumber", "SizeBytes"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"job": "app.gone", "event": {}}, "there is no job app.gone"),
        (
            {"job": "sample_jobs.stubborn", "event": {}},
            "the message is unreadable: it is not an event for sample_jobs.stubborn",
        ),
        ({"job": "{ship}", "event": {}, "time": "soon"}, "the message is unreadable: it is not an event for"),
        ({"job": "{ship}", "event": "\ud800"}, "the message is unreadable: it is not an event for"),
        ({"job": "{ship}", "event": {}, "v": 2}, "the message is unreadable: it is not of version 1"),
        ({"job": "{ship}", "event": {}, "once": "no"}, "the message is unreadable"),
    ],
)
def test_an_event_that_no_job_can_take_is_dead_lettered(
    queue: Make, invoke: Invoke, body: dict[str, Any], reason: str
) -> None:
    default = queue()
    whole = {"v": 1, "id": "1", "time": "2026-01-31T00:00:00Z", "once": False} | body
    default.put(json.dumps(whole).replace("{ship}", ship.name))
    drain(default)
    [letter] = sqs.SqsQueues().dead_letters()
    assert letter.reason.startswith(reason)


def test_an_argument_named_event_is_no_event_of_aws() -> None:
    message = Message.new(ordered.name, {"event": {"TopicArn": "x", "Type": "Notification"}})
    assert incoming.read(message.to_json(), "default") == message


@pytest.mark.usefixtures("db")
def test_on_a_laptop_an_event_starts_the_same_jobs() -> None:
    assert [message.job for message in testing.send_event(OBJECT_CREATED)] == [thumbnail.name]
    testing.send_event(OBJECT_CREATED)  # again: the same id
    detail = {"bucket": {"name": "uploads"}, "object": {"key": "photos/1.jpg"}}
    testing.send_event({"source": "aws.s3", "detail-type": "Object Deleted", "detail": detail})
    testing.send_event(NOTIFICATION)
    testing.send_event({"Records": RECORDS})
    other = {"source": "aws.s3", "detail-type": "Object Restored", "detail": detail}
    assert testing.send_event(other) == []
    paid = {"source": "app.orders", "detail-type": "Paid", "detail": {"shop": "shop"}}
    assert [message.job for message in testing.send_event(paid)] == [ordered.name]
    assert testing.run_jobs() == 8
    assert [event["reason"] for event in calls if "reason" in event] == ["PutObject"]
    assert len(calls) == 7, "the event that was sent twice had its effect once"
    assert {"version", "id", "time", "account", "region", "resources"} <= calls[-1].keys()


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("event", [{}, [], "x", {"source": "a"}, {"Records": [{"eventSource": "aws:s3"}]}])
def test_anything_else_is_not_an_event(event: Any) -> None:
    with pytest.raises(JobError, match="This is not an event: give one of EventBridge"):
        testing.send_event(event)


@pytest.mark.usefixtures("db")
def test_an_event_that_is_too_large_for_its_job_is_refused_on_a_laptop() -> None:
    huge = INSTANCE_TERMINATED | {"detail": {"state": "terminated", "text": "x" * 1_100_000}}
    with pytest.raises(JobError, match=r"replace: its arguments make 1,100,.* the limit for a message is 1,032,192"):
        testing.send_event(huge)


@pytest.mark.usefixtures("db")
def test_the_command_takes_a_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def run(content: str) -> tuple[int, str]:
        file = tmp_path / "event.json"
        file.write_text(content, encoding="utf-8")
        monkeypatch.setattr("sys.argv", ["kit", "jobs", "event", str(file)])
        code = main()
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    printed = f"{ship.name} {{}}\n"
    assert run(json.dumps(NOTIFICATION)) == (0, printed.format(*(one.id for one in testing.enqueued())))
    assert run(json.dumps(NOTIFICATION | {"TopicArn": "arn:aws:sns:x:1:gone"}))[1].startswith("No job is declared")
    assert "it is not JSON" in run("{")[1]
    assert "This is not an event" in run("{}")[1]


DECLARATIONS = [
    ("@on.event(sorce='a')", "no field 'sorce', did you mean 'source'"),
    ("@on.event(name='x')", "it is empty and would match every event"),
    ("@on.event(source=[])", "source is an empty list"),
    ("@on.event(detail={'a': 'x'})", "detail.a is 'x'; values are in a list"),
    ("@on.event(source='a', bus='Orders')", "the bus is 'Orders'. Name one of the stage's own"),
    ("@on.event(source='a', name='x' * 21)", "needs a name of up to 20"),
    ("@on.event(source='a', name='a-b')", "needs a name of up to 20"),
    ("@on.s3('Uploads')", "the bucket is 'Uploads'"),
    ("@on.s3('uploads-2024')", "each word with a letter first"),
    ("@on.s3('x' * 41)", "up to 40 lower-case letters"),
    ("@on.s3(3)", "the bucket is 3"),
    ("@on.s3('uploads', 'renamed')", "@on.s3 knows created and deleted, not 'renamed'"),
    ("@on.topic('a b')", "the topic is 'a b'"),
    ("@on.stream('orders', 'insert')", "knows the changes INSERT, MODIFY, REMOVE, not 'insert'"),
    ("@on.stream('orders')\n@on.stream('orders')", "has the stream of orders already"),
    ("@on.topic('t')\n@on.topic('t', name='b')", "SNS sends a message to a queue once"),
    ("@on.s3('a')\n@on.s3('b')", "has an event named 'f' already"),
]


def declare(code: str) -> Any:
    module = ModuleType("declared_events")
    exec("from kit.jobs import job, on, schedule\n" + code, module.__dict__)  # noqa: S102 - the test's own code
    return module


@pytest.fixture
def clean() -> Iterator[None]:
    yield
    for name in [name for name in registry.jobs if name.startswith("declared_events.")]:
        del registry.jobs[name]


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(("decorators", "why"), DECLARATIONS)
def test_a_mistake_names_the_job_and_what_to_do(decorators: str, why: str) -> None:
    with pytest.raises(JobError, match=re.escape(why)) as raised:
        declare(f"{decorators}\n@job\ndef f(event): ...")
    assert "declared_events.f" in str(raised.value)


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("@job\n@on.s3('a')\ndef f(event): ...", "@on.s3 goes above @job"),
        ("@on.topic('a')\ndef f(event): ...", "@on.topic goes above @job"),
        ("@on.stream('a')\n@job\ndef f(): ...", "which is its only argument"),
        ("@on.event(source='a')\n@job\ndef f(a, b): ...", "which is its only argument"),
        ("@on.event(source='a')\n@job\ndef f(*, a): ...", "which is its only argument"),
        ("@on.event(source='a')\n@job\ndef f(a=1, *, b): ...", "which is its only argument"),
        ("@on.topic('t')\n@job(queue='q.fifo')\ndef f(a): ...", "only messages of a FIFO topic"),
        (
            "@on.s3('a')\n@job\ndef f(a): ...\n@on.s3('b', name='f')\n@job\ndef g(a): ...",
            "has an event named 'f' already",
        ),
    ],
)
def test_a_job_that_an_event_cannot_start_is_refused(code: str, why: str) -> None:
    with pytest.raises(JobError, match=re.escape(why)):
        declare(code)


@pytest.mark.usefixtures("clean")
def test_what_is_declared_is_allowed() -> None:
    declared = declare(
        "@on.event(source='a', bus='arn:aws:events:eu-central-1:123456789012:event-bus/orders')\n"
        "@on.s3('arn:aws:s3:::legacy.bucket', name='legacy', suffix='*.jpg', prefix='a\\\\')\n"
        "@on.topic('arn:aws:sns:eu-central-1:123456789012:orders.fifo', name='t')\n"
        "@on.stream('arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-01-31T00:00:00.000')\n"
        "@schedule('rate(1 day)')\n"
        "@job(queue='q.fifo')\n"
        "def a_function_with_a_long_name(event=None): ..."
    )
    stream, topic, legacy, event = declared.a_function_with_a_long_name.sources
    assert legacy.pattern["detail"]["bucket"] == {"name": ["legacy.bucket"]}
    assert legacy.pattern["detail"]["object"]["key"] == [{"wildcard": "a\\\\*\\*.jpg"}]
    assert re.fullmatch("a_function_wi_[0-9a-f]{6}", event.name)
    assert (topic.topic.endswith("orders.fifo"), stream.changes) == (True, ("INSERT", "MODIFY", "REMOVE"))


@pytest.mark.usefixtures("db")
def test_the_manifest_has_the_events_and_a_stream_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest.discovery, "unfindable", lambda jobs: [])
    built = manifest.build()
    kinds = [(event["kind"], event["name"]) for event in built["events"]]
    assert kinds == [
        ("rule", "paid"),
        ("rule", "replace"),
        ("rule", "thumbnail"),
        ("stream", "orders"),
        ("topic", "ship"),
    ]
    assert built["events"][2] == {
        "kind": "rule",
        "name": "thumbnail",
        "job": thumbnail.name,
        "queue": "default",
        "runs_on": "lambda",
        "bus": "default",
        "pattern": {
            "source": ["aws.s3"],
            "detail-type": ["Object Created", "Object Deleted"],
            "detail": {"bucket": {"name": ["<name>-uploads"]}, "object": {"key": [{"wildcard": "photos/*.jpg"}]}},
        },
        "input": {
            "paths": {"id": "$.id", "event": "$.detail"},
            "template": f'{{"v":1,"job":"{thumbnail.name}","id":"<id>","time":"<aws.events.event.ingestion-time>",'
            '"once":true,"event":<event>}',
        },
    }
    assert built["events"][3] == {
        "kind": "stream",
        "name": "orders",
        "table": "orders",
        "jobs": [confirm.name, export.name],
        "changes": ["INSERT", "MODIFY", "REMOVE"],
    }


@pytest.mark.usefixtures("db")
def test_a_manifest_without_events_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for one in DECLARED:
        monkeypatch.delitem(registry.jobs, one.name)
    monkeypatch.setattr(manifest.discovery, "unfindable", lambda jobs: [])
    assert manifest.build().keys() == {"version", "queues", "jobs", "schedules"}
