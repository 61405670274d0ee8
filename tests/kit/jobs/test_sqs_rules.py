"""The SQS, ECS and Scheduler of these tests refuse and drop what AWS refuses and drops; `sqs_rules` names the sources."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import sqs_rules
from botocore.exceptions import ClientError
from stage import WIRED, use

from kit import clock
from kit.testing import FrozenClock, frozen_clock

DEAD = {"MessageRetentionPeriod": "1209600"}


@pytest.fixture
def held() -> Iterator[FrozenClock]:
    with frozen_clock("2026-01-01T00:00:00Z") as frozen:
        yield frozen


@pytest.fixture
def sqs(held: FrozenClock) -> sqs_rules.Sqs:
    return sqs_rules.Sqs(clock.now)


def make(sqs: sqs_rules.Sqs, name: str = "a", **attributes: str) -> sqs_rules.Queue:
    fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    sqs.call("CreateQueue", {"QueueName": name, "Attributes": fifo | attributes})
    return sqs.queues[name]


def send(queue: sqs_rules.Queue, body: str, **entry: Any) -> sqs_rules.Stored:
    return queue.send({"MessageBody": body} | entry)


def take(queue: sqs_rules.Queue, most: int = 10, hidden: int = 30) -> list[tuple[str, str]]:
    return [(message.body, receipt) for message, receipt in queue.receive(most, hidden, 1)]


def bodies(queue: sqs_rules.Queue, most: int = 10, hidden: int = 30) -> list[str]:
    return [body for body, _ in take(queue, most, hidden)]


def test_a_duplicate_is_accepted_and_dropped_for_five_minutes_also_after_a_deletion(
    sqs: sqs_rules.Sqs, held: FrozenClock
) -> None:
    queue = make(sqs, "a.fifo")
    order = {"MessageGroupId": "g", "MessageDeduplicationId": "1"}
    first = send(queue, "one", **order)
    [(_, receipt)] = take(queue)
    queue.delete(receipt)
    held.move(seconds=299)
    assert send(queue, "two", **order).id == first.id
    assert bodies(queue) == []
    held.move(seconds=1)
    assert send(queue, "three", **order).id != first.id
    assert bodies(queue) == ["three"]


def test_a_group_waits_for_its_message_in_flight_and_other_groups_do_not(sqs: sqs_rules.Sqs, held: FrozenClock) -> None:
    queue = make(sqs, "a.fifo", ContentBasedDeduplication="true")
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")):
        send(queue, body, MessageGroupId=group)
    [(body, receipt)] = take(queue, 1)
    assert (body, bodies(queue)) == ("a1", ["b1"])
    held.move(seconds=30)
    assert bodies(queue, 2) == ["a1", "a2"]
    with pytest.raises(sqs_rules.SqsError, match="The receipt handle has expired"):
        queue.delete(receipt)


def test_an_older_receipt_deletes_nothing_on_a_standard_queue(sqs: sqs_rules.Sqs, held: FrozenClock) -> None:
    queue = make(sqs)
    send(queue, "one")
    [(_, older)] = take(queue)
    held.move(seconds=30)
    [(_, newer)] = take(queue)
    queue.delete(older)
    assert len(queue.messages) == 1
    queue.delete(newer)
    queue.delete(newer)
    assert queue.messages == []


def test_a_message_is_hidden_for_twelve_hours_at_most(sqs: sqs_rules.Sqs, held: FrozenClock) -> None:
    queue = make(sqs)
    send(queue, "one")
    [(_, receipt)] = take(queue, hidden=43_200)
    held.move(hours=1)
    with pytest.raises(sqs_rules.SqsError, match="Total VisibilityTimeout"):
        queue.hide(receipt, 11 * 3600 + 1)
    queue.hide(receipt, 11 * 3600)
    held.move(hours=11)
    with pytest.raises(sqs_rules.SqsError, match="MessageNotInflight"):
        queue.hide(receipt, 1)


def test_what_was_received_too_often_is_moved_and_keeps_its_id(sqs: sqs_rules.Sqs, held: FrozenClock) -> None:
    dead = make(sqs, "dead")
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    queue = make(sqs, RedrivePolicy=policy)
    sent = send(queue, "one")
    for _ in range(2):
        assert bodies(queue) == ["one"]
        held.move(seconds=30)
    assert (bodies(queue), [message.id for message in dead.messages]) == ([], [sent.id])


def test_sizes_are_bytes_of_body_and_attributes(sqs: sqs_rules.Sqs) -> None:
    queue = make(sqs)
    attributes = {"A": {"DataType": "String", "StringValue": "x"}}  # 8 bytes
    send(queue, "é" * (512 * 1024 - 4), MessageAttributes=attributes)
    for body in ("é" * (512 * 1024 - 4) + "x", "é" * 512 * 1024):
        with pytest.raises(sqs_rules.SqsError, match="shorter than 1048576 bytes"):
            send(queue, body, MessageAttributes=attributes)
    entries = [{"Id": str(number), "MessageBody": "x" * 600_000} for number in range(2)]
    with pytest.raises(sqs_rules.SqsError, match="BatchRequestTooLong"):
        sqs.call("SendMessageBatch", {"QueueUrl": "/a", "Entries": entries})


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({"MessageBody": "\x00"}, "InvalidMessageContents"),
        ({"MessageBody": "\ufffe"}, "InvalidMessageContents"),
        ({"MessageBody": "a", "DelaySeconds": 901}, "DelaySeconds"),
        ({"MessageBody": "a", "MessageDeduplicationId": "1"}, "not valid for this queue type"),
        ({"MessageBody": "a", "MessageGroupId": "é"}, "MessageGroupId"),
        ({"MessageBody": "a", "MessageAttributes": {"A": {"DataType": "String", "StringValue": ""}}}, "non-empty"),
        ({"MessageBody": "a", "MessageAttributes": {"AWS.a": {"DataType": "String", "StringValue": "a"}}}, "invalid"),
    ],
)
def test_what_sqs_rejects_is_rejected_alone_and_in_a_batch(sqs: sqs_rules.Sqs, entry: dict[str, Any], why: str) -> None:
    queue = make(sqs)
    with pytest.raises(sqs_rules.SqsError, match=why):
        queue.send(entry)
    entries = [{"Id": "bad"} | entry, {"Id": "good", "MessageBody": "b"}]
    answer = sqs.call("SendMessageBatch", {"QueueUrl": "/a", "Entries": entries})
    assert [one["Id"] for one in answer["Failed"]] == ["bad"]
    assert bodies(queue) == ["b"]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"DelaySeconds": 1, "MessageGroupId": "g", "MessageDeduplicationId": "1"}, "not valid for this queue type"),
        ({"MessageDeduplicationId": "1"}, "MessageGroupId"),
        ({"MessageGroupId": "g"}, "ContentBasedDeduplication"),
    ],
)
def test_what_a_fifo_queue_rejects(sqs: sqs_rules.Sqs, entry: dict[str, Any], why: str) -> None:
    with pytest.raises(sqs_rules.SqsError, match=why):
        send(make(sqs, "a.fifo"), "a", **entry)


def test_a_short_poll_may_overlook_messages_and_a_delivery_may_come_twice(sqs: sqs_rules.Sqs) -> None:
    queue = make(sqs)
    send(queue, "one")
    assert queue.receive(10, 30, wait=0) == []
    queue.deliver_twice = 1
    assert bodies(queue) == bodies(queue) == ["one"]
    assert bodies(queue) == []


@pytest.fixture
def ecs(server: str, held: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Any:
    use(monkeypatch, **WIRED)
    client = boto3.client("ecs", endpoint_url=server, region_name="eu-central-1")
    client.create_cluster(clusterName="tokens")
    container = {"name": "app", "image": "app", "memory": 512}
    client.register_task_definition(
        family="tokens",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[container],
    )
    return client


def test_ecs_answers_a_repeated_token_with_the_same_task_and_refuses_it_for_another_call(
    ecs: Any, server: str, held: FrozenClock
) -> None:
    ec2 = boto3.client("ec2", endpoint_url=server, region_name="eu-central-1")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}

    def run(group: str) -> str:
        answer = ecs.run_task(
            cluster="tokens",
            taskDefinition="tokens",
            launchType="FARGATE",
            clientToken="t",
            group=group,
            networkConfiguration=network,
        )
        return str(answer["tasks"][0]["taskArn"])

    first = run("one")
    assert run("one") == first
    with pytest.raises(ClientError, match="ConflictException"):
        run("two")
    held.move(hours=24)
    assert run("two") != first
