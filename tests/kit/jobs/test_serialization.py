"""Arguments come back as they were sent, and what cannot travel is named before it is sent."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NewType, TypedDict, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_jobs import Colour, Point, add, travel

from kit.jobs import Job, JobError, serialization
from kit.jobs.message import Message, Unreadable
from kit.jobs.spec import Options

numbers = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(codec="utf-8"))
colours = st.sampled_from(Colour)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | numbers
    | text
    | st.datetimes().map(lambda moment: moment.replace(fold=0))  # ISO 8601 has no word for it
    | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
    | st.dates()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | colours
    | st.builds(Point, st.integers(), numbers, st.lists(colours))
)
names = text | st.sampled_from(["$", "v", "of"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(names, inner) | st.lists(inner).map(tuple),
    max_leaves=12,
)


@given(values)
def test_what_is_sent_comes_back_with_its_types(value: Any) -> None:
    sent = Message.new(job=travel.name, arguments=serialization.encode(travel, (value,), {})).to_json()
    back = serialization.decode(travel, Message.from_json(sent).arguments)["value"]
    assert back == value
    assert repr(back) == repr(value)  # 1 is not True, and not 1.0


@given(text)
def test_any_text_is_text_that_sqs_takes(value: str) -> None:
    sent = Message.new(job=add.name, arguments={"name": value}).to_json()
    assert all(c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" for c in sent)


class Other:
    pass


@dataclass
class Unnamed:
    x: int


def cycle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def deep() -> list[Any]:
    made: list[Any] = []
    for _ in range(5000):
        made = [made]
    return made


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Other(), "send its id instead"),
        ({1, 2}, "send a list instead"),
        (b"bytes", "send a text instead"),
        (float("nan"), "JSON has no"),
        (float("inf"), "JSON has no"),
        ({1: 2}, "1 is a key of a dict"),
        ("\ud800", "lone surrogate"),
        (Unnamed(1), "which the signature does not name"),
        (cycle(), "contains itself"),
        (deep(), "recursion"),
        ([1 << 20000], "20001 bits"),
        (iter([]), "of type list_iterator"),
        (object, "of type type"),
    ],
)
def test_a_value_that_cannot_be_serialized_is_named(value: Any, why: str) -> None:
    with pytest.raises(JobError, match=f"the argument 'value' can't be sent to a worker: .*{why}"):
        travel.enqueue([value] if not isinstance(value, list) else value)


T = TypeVar("T")


@dataclass
class Box(Generic[T]):
    inside: T


class Shade(Enum):
    DARK = 1


class Size(Enum):
    LARGE = 1


class Order(TypedDict):
    size: Size


Alias = NewType("Alias", Point)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Box[int], Box(1)),
        (Box[Colour], Box(Colour.RED)),
        (list[Box[int]] | None, [Box(2)]),
        (Literal[Shade.DARK], Shade.DARK),
        (dict[str, Literal["a", Shade.DARK]], {"a": Shade.DARK}),
        (Order, {"size": Size.LARGE}),
        (Alias, Point(1)),
        (Annotated[Shade, "of the sky"], Shade.DARK),
    ],
)
def test_an_annotated_type_is_serialized_however_it_is_annotated(hint: Any, value: Any) -> None:
    def function(value: Any) -> None: ...

    function.__annotations__["value"] = hint
    function.__qualname__ = "function"
    made: Job[Any, Any] = Job(function, Options())
    sent = Message.new(made.name, serialization.encode(made, (value,), {})).to_json()
    assert serialization.decode(made, Message.from_json(sent).arguments) == {"value": value}


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError


@dataclass
class Picky:
    x: int

    def __post_init__(self) -> None:
        raise Silent


def test_arguments_that_a_dataclass_rejects_are_reported_even_if_its_error_has_no_text() -> None:
    def function(value: Picky) -> None: ...

    function.__annotations__["value"] = Picky
    made: Job[Any, Any] = Job(function, Options())
    wrong = {"value": {"$": "dataclass", "of": "Picky", "v": {"x": 1}}}
    with pytest.raises(serialization.Unreadable, match="the __str__ of Silent raised ValueError"):
        serialization.decode(made, wrong)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"at": datetime.max.replace(tzinfo=UTC)}, "ten years"),
        ({"at": datetime(2300, 1, 1, tzinfo=UTC)}, "ten years"),
        ({"at": datetime(2030, 1, 1)}, "a datetime with a time zone"),
        ({"at": "tomorrow"}, "a datetime with a time zone"),
        ({"delay": 10**400}, "bits; give seconds"),
        ({"delay": timedelta.max}, "ten years"),
        ({"delay": float("nan")}, "ten years"),
        ({"delay": -1}, "from 0 to ten years"),
        ({"delay": 1, "at": datetime.max}, "not both"),
        ({"idempotency_key": "\ud800"}, "give a string of 1 to 255 characters"),
        ({"idempotency_key": ""}, "give a string of 1 to 255 characters"),
        ({"idempotency_key": 7}, "give a string of 1 to 255 characters"),
        ({"group": "ü"}, "ASCII letters, digits or punctuation"),
        ({"group": "\ud800"}, "ASCII letters, digits or punctuation"),
    ],
)
def test_an_invalid_option_of_enqueue_is_rejected(options: dict[str, Any], why: str) -> None:
    with pytest.raises(JobError, match=why):
        add.enqueue("a", **options)


def test_arguments_that_do_not_fit_the_signature_are_rejected() -> None:
    with pytest.raises(JobError, match="missing a required argument: 'name'"):
        add.enqueue()
    with pytest.raises(JobError, match="unexpected keyword argument 'nom'"):
        add.enqueue("a", nom=1)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | text, lambda i: st.lists(i) | st.dictionaries(names, i))
)
def test_an_invalid_message_makes_a_worker_only_reject_it(value: Any) -> None:
    for body in (
        value,
        {"v": 1, "job": "x", "arguments": value},
        {"v": 1, "job": "x"} | (value if isinstance(value, dict) else {}),
    ):
        try:
            message = Message.from_json(json.dumps(body))
            serialization.decode(travel, message.arguments)
        except (Unreadable, serialization.Unreadable):
            pass


def test_types_that_json_lacks_are_readable_in_the_message() -> None:
    moment, day = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), date(2026, 1, 2)
    value = [moment, day, UUID(int=1), Decimal("1.10"), Colour.RED]
    assert [part["v"] for part in serialization.encode(travel, (value,), {})["value"]] == [
        "2026-01-02T03:04:05+00:00",
        "2026-01-02",
        "00000000-0000-0000-0000-000000000001",
        "1.10",
        "RED",
    ]


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from kit import settings

    monkeypatch.setenv("JOBS", "inline")
    settings.current.cache_clear()
    yield
    settings.current.cache_clear()
