"""Any body at all ends in the dead-letter queue with a reason, in one delivery, and every listing survives it.

POISON_EXAMPLES raises the number of random bodies (40 in CI, 10,000 before a release).
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sqs_rules
from aws_emulator import Emulator
from both_queues import Aws, Local, Side
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from stage import WIRED, use

from kit.cli.main import main
from kit.errors import UsageError
from kit.jobs import executor, loading
from kit.jobs.executor import ExecutionContext
from kit.jobs.message import Message, Unreadable
from kit.jobs.queues import sqs
from kit.jobs.queues.database import DatabaseQueues
from kit.jobs.runners import fargate

EXAMPLES = int(os.environ.get("POISON_EXAMPLES", "40"))
GOOD = {"v": 1, "job": "sample_jobs.travel", "arguments": {"value": 1}, "id": "7", "enqueued": 1.5}


def message(**fields: Any) -> str:
    return json.dumps(GOOD | fields)


def raw(**fields: str) -> str:
    """A message with fields that Python would not write."""
    return message().removesuffix("}") + "".join(f',"{name}":{value}' for name, value in fields.items()) + "}"


def nested(depth: int) -> str:
    return raw(arguments='{"value":' + "[" * depth + "]" * depth + "}")


BODIES = [
    "[" * 500_000,
    '{"a":' * 200_000,
    nested(100_000),
    nested(5_000),
    raw(enqueued="NaN"),
    raw(enqueued="1e999"),
    raw(enqueued="9" * 4000),
    raw(enqueued="-1"),
    raw(due="Infinity"),
    raw(attempts_used="9" * 4300),
    raw(arguments='{"value":' + "9" * 5000 + "}"),
    raw(arguments='{"value":{"$":"decimal","v":"x"}}'),
    raw(arguments='{"value":{"$":[],"v":1}}'),
    raw(arguments='{"value":{"$":"enum","of":[],"v":1}}'),
    raw(arguments='{"value":{"$":"enum","of":"Colour","v":[]}}'),
    raw(arguments='{"value":{"$":"dataclass","of":"Colour","v":{}}}'),
    raw(arguments='{"value":{"$":"dataclass","of":"Point","v":7}}'),
    raw(arguments='{"value":{"$":"dict"}}'),
    raw(arguments='{"value":{"$":"datetime","v":9}}'),
    raw(arguments='{"value":{"$":"tuple","v":null}}'),
    message(job="\ud800"),
    message(job="x" * 900_000),
    message(job="\x00\x1b[2J"),
    message(job=""),
    message(id="\ud800"),
    message(id="x" * 65),
    message(idempotency_key="\udfff"),
    message(group="\ud800"),
    message(request_id="\ud800"),
    message(colour=1),
    message(arguments={"\ud800": "\ud800"}),
    '{"schedule":' + "[" * 100_000,
    '{"schedule":{},"time":[]}',
    '{"schedule":"kit-sweep","time":"\\ud800"}',
    '{"schedule":"kit-sweep","time":"0001-01-01T00:00:00+14:00x"}',
    '{"v":1,"job":"sample_jobs.travel"}',
    "\ufeff" + message(),
    " ",
    "x" * 1_048_576,
    message(job="gone", request_id="é" * 524_000)[: 1_048_576 - 200],
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("$"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=3) | st.just("$"), inner, max_size=4)
    ),
    max_leaves=10,
)
fields = st.dictionaries(st.sampled_from([*Message._fields, "v", "schedule", "time", "$"]), anything)
poison = (
    st.text(st.characters(codec="utf-8"), min_size=1)
    | anything.map(json.dumps)
    | fields.map(lambda wrong: json.dumps(GOOD | wrong))
    | fields.map(json.dumps)
    | st.builds(
        lambda text, start, end: text[min(start, end) :],
        st.sampled_from(BODIES[5:]),
        st.integers(0, 40),
        st.integers(0, 40),
    )
).filter(lambda body: bool(body) and bool(sqs_rules.ALLOWED.fullmatch(body)))


@pytest.fixture
def sides(
    db: None, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[list[Side]]:
    made = Aws(emulator, "default")
    places = {"JOBS_QUEUES": f"default={made.url}", "JOBS_DEAD_LETTER_QUEUES": f"default={made.dead_url}"}
    use(monkeypatch, **WIRED, **places, AWS_ENDPOINT_URL=emulator.sqs.address, JOBS="sqs")
    sqs._max_receive_count.cache_clear()
    loading.load()
    yield [Local("default"), made]
    capsys.readouterr()


def empty(side: Side) -> None:
    while delivery := side.receive():
        side.queues.delete(delivery)
    with side.queues.receive_dead_letters() as letters:
        for letter in letters:
            side.queues.delete_dead_letter(letter)


def is_dead_lettered(side: Side, body: str) -> bool:
    """Deliver a body once, and say whether it is a dead letter with a reason then, rather than a job that has run."""
    empty(side)
    side.put(body)
    delivery = side.receive()
    assert delivery
    outcome = executor.process(delivery, ExecutionContext(side.queues))
    assert outcome.finished, "it stays in its queue"
    side.queues.delete(delivery)
    dead = side.queues.dead_letters()
    assert (side.count(), len(dead)) == (0, outcome is executor.Outcome.DEAD_LETTERED)
    if dead:
        [letter] = dead
        assert letter.body == body
        assert letter.reason.strip()
        letter.reason.encode()
    return bool(dead)


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_an_invalid_body_is_dead_lettered_with_a_reason(sides: list[Side], body: str) -> None:
    for side in sides:
        assert is_dead_lettered(side, body)


@given(body=poison)
@example(body=nested(450))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_body_is_run_or_dead_lettered_by_both_queues_alike(sides: list[Side], body: str) -> None:
    mine, theirs = (is_dead_lettered(side, body) for side in sides)
    assert mine == theirs


@pytest.mark.parametrize("body", BODIES[::4], ids=range(0, len(BODIES), 4))
@pytest.mark.parametrize("which", [0, 1], ids=["local", "sqs"])
def test_every_listing_survives_it(
    sides: list[Side], body: str, which: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    side = sides[which]
    if which == 0:
        use(monkeypatch, JOBS="local")
    empty(side)
    side.put(body)
    if which == 0:
        DatabaseQueues().waiting()
    delivery = side.receive()
    assert delivery
    side.queues.dead_letter(delivery, "\x1b[2J\ud800 why", None)
    side.queues.delete(delivery)

    def kit(*words: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["kit", "jobs", *words])
        assert main() in (0, 2)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return out

    [letter] = side.queues.dead_letters()
    assert "\x1b" not in kit("failed")
    assert "dead letters: 1" in kit("list")
    assert letter.reason[:3] in kit("show", letter.id[:8])
    kit("retry", "--all")
    kit("purge", "--all")
    assert side.queues.count_dead_letters() == 0


@given(text=st.text() | anything.map(json.dumps) | st.just("[" * 100_000))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_task_explains_an_invalid_delivery(text: str) -> None:
    with pytest.raises(UsageError, match="JOB_DELIVERY"):
        fargate.read_delivery(text)


def test_a_message_of_another_version_of_the_kit_is_listed_with_its_reason() -> None:
    with pytest.raises(Unreadable, match="it is not of version 1"):
        Message.from_json(message(v=2))
