"""Event patterns match as EventBridge documents it, and as moto does where it supports the same."""

import json
from typing import Any

import pytest
from aws_events import INSTANCE_TERMINATED, OBJECT_CREATED
from hypothesis import assume, given
from hypothesis import strategies as st
from moto.events.models import EventPattern

from kit.jobs import patterns

EVENT = {"detail": {"a": "photos/cat.PNG", "n": 5, "ip": "10.0.0.7", "list": ["x", 3], "none": None, "o": {"b": 1}}}


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"a": ["photos/cat.PNG"]}, True),
        ({"a": [{"prefix": "photos/"}]}, True),
        ({"a": [{"prefix": {"equals-ignore-case": "PHOTOS/"}}]}, True),
        ({"a": [{"suffix": ".png"}]}, False),
        ({"a": [{"suffix": {"equals-ignore-case": ".png"}}]}, True),
        ({"a": [{"equals-ignore-case": "PHOTOS/CAT.png"}]}, True),
        ({"a": [{"wildcard": "*/c*.PNG"}]}, True),
        ({"a": [{"wildcard": "photos/\\*.PNG"}]}, False),
        ({"a": [{"anything-but": "other"}]}, True),
        ({"a": [{"anything-but": ["photos/cat.PNG", "b"]}]}, False),
        ({"a": [{"anything-but": {"prefix": "photos"}}]}, False),
        ({"a": [{"anything-but": {"suffix": ".jpg"}}]}, True),
        ({"a": [{"anything-but": {"suffix": [".jpg", ".PNG"]}}]}, False),
        ({"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}, True),
        ({"a": [{"anything-but": {"equals-ignore-case": "PHOTOS/CAT.PNG"}}]}, False),
        ({"missing": [{"anything-but": "x"}]}, False),
        ({"n": [{"numeric": [">", 0, "<=", 5]}]}, True),
        ({"n": [{"numeric": ["<", 5]}]}, False),
        ({"n": [5.0]}, True),
        ({"n": ["5"]}, False),
        ({"ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"ip": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"list": ["x"]}, True),
        ({"list": [4, 3]}, True),
        ({"list": ["y"]}, False),
        ({"none": [None]}, True),
        ({"none": [""]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"a": [{"exists": True}], "n": [5]}, True),
        ({"o": [{"exists": True}]}, False),
        ({"o": {"b": [1]}}, True),
        ({"o": {"b": [True]}}, False),
        ({"$or": [{"a": ["no"]}, {"n": [5]}]}, True),
        ({"$or": [{"a": ["no"]}, {"n": [6]}]}, False),
        ({"a": ["photos/cat.PNG"], "n": [6]}, False),
    ],
)
def test_an_event_matches_by_the_documented_rules(detail: dict[str, Any], expected: bool) -> None:
    pattern = {"detail": detail}
    patterns.check(pattern)
    assert patterns.matches(pattern, EVENT) is expected


def test_the_same_object_of_a_list_must_match_every_field() -> None:
    event = {"detail": {"items": [{"kind": "a", "n": 1}, {"kind": "b", "n": 2}]}}
    assert patterns.matches({"detail": {"items": {"kind": ["a"], "n": [1]}}}, event)
    assert not patterns.matches({"detail": {"items": {"kind": ["a"], "n": [2]}}}, event)


def test_an_event_of_the_documentation_matches_its_pattern() -> None:
    pattern = {
        "source": ["aws.ec2"],
        "detail-type": ["EC2 Instance State-change Notification"],
        "detail": {"state": ["terminated"]},
    }
    assert patterns.matches(pattern, INSTANCE_TERMINATED)
    assert not patterns.matches(pattern, OBJECT_CREATED)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ({}, "would match every event"),
        ({"source": []}, "source is an empty list"),
        ({"detail": {"a": "x"}}, r"detail.a is 'x'; values are in a list, such as \[\"x\"\]"),
        ({"detail": {}}, "detail is empty"),
        ({"detail": {"a": {"prefix": "x"}}}, "a comparison is an item of a list"),
        ({"detail": {"a": [{"starts-with": "x"}]}}, "unknown operator 'starts-with'"),
        ({"detail": {"a": [{"prefix": "x", "suffix": "y"}]}}, "one operator, not 2"),
        ({"detail": {"a": [["x"]]}}, "use strings, numbers"),
        ({"detail": {"a": [{"prefix": 3}]}}, "prefix takes a string"),
        ({"detail": {"a": [{"exists": "yes"}]}}, "exists takes True or False"),
        ({"detail": {"a": [{"numeric": [">"]}]}}, "numeric takes one or two comparisons"),
        ({"detail": {"a": [{"numeric": [">", "1"]}]}}, "numeric takes one or two comparisons"),
        ({"detail": {"a": [{"numeric": [">", 6e9]}]}}, "numeric takes one or two comparisons"),
        ({"detail": {"a": [{"numeric": ["<", 5, ">", 1]}]}}, "the lower bound first"),
        ({"detail": {"a": [{"cidr": "10.0.0.0/99"}]}}, "an address range"),
        ({"detail": {"a": [{"wildcard": "a**"}]}}, "two asterisks"),
        ({"detail": {"a": [{"wildcard": "a\\b"}]}}, "a backslash only before"),
        ({"detail": {"a": [{"anything-but": ["a", 1]}]}}, "only strings or only numbers"),
        ({"detail": {"a": [{"anything-but": {"numeric": [">", 1]}}]}}, "takes a value or one of"),
        ({"detail": {"a": [{"anything-but": {}}]}}, "takes a value or one of"),
        ({"detail": {"a": [{"anything-but": {"prefix": []}}]}}, "a string or a list of strings"),
        ({"$or": [{"source": ["a"]}]}, "at least two patterns"),
        ({"detail": {"a": ["x" * 2048]}}, "the limit is 2,048"),
    ],
)
def test_what_eventbridge_refuses_is_refused(pattern: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        patterns.check(pattern)


texts = st.text(alphabet="abAB*\\/.", max_size=4)
wildcards = st.lists(st.sampled_from(["a", "B", "*", "\\*", "\\\\", "/"]), max_size=4).map("".join)
wildcards = wildcards.filter(lambda text: "**" not in text.replace("\\*", ""))
numbers = st.integers(-3, 3) | st.sampled_from([0.5, 2.5])
comparisons = (
    st.fixed_dictionaries({"prefix": texts})
    | st.fixed_dictionaries({"suffix": texts})
    | st.fixed_dictionaries({"prefix": st.fixed_dictionaries({"equals-ignore-case": texts})})
    | st.fixed_dictionaries({"equals-ignore-case": texts})
    | st.fixed_dictionaries({"wildcard": wildcards})
    | st.fixed_dictionaries({"exists": st.booleans()})
    | st.fixed_dictionaries({"numeric": st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), numbers).map(list)})
    | st.fixed_dictionaries({"anything-but": st.lists(texts, min_size=1, max_size=2) | numbers})
    | st.fixed_dictionaries({"anything-but": st.fixed_dictionaries({"prefix": texts})})
)
fields = st.lists(texts | numbers | st.none() | comparisons, min_size=1, max_size=3)
names = st.sampled_from(["a", "b"])
pattern_dicts = st.recursive(
    st.dictionaries(names, fields, min_size=1),
    lambda inner: st.dictionaries(names, fields | inner, min_size=1),
    max_leaves=4,
)
scalars = texts | numbers | st.none()
event_dicts = st.recursive(
    st.dictionaries(names, scalars | st.lists(scalars, min_size=1, max_size=2)),
    lambda inner: st.dictionaries(names, scalars | inner),
    max_leaves=4,
)


def compares_an_object(pattern: dict[str, Any], event: Any) -> bool:
    """Whether the event has an object where the pattern has values."""
    return isinstance(event, dict) and any(
        isinstance(event.get(name), dict) if isinstance(inner, list) else compares_an_object(inner, event.get(name))
        for name, inner in pattern.items()
    )


@given(pattern=pattern_dicts, alternative=pattern_dicts, event=event_dicts)
def test_moto_matches_the_same(pattern: dict[str, Any], alternative: dict[str, Any], event: dict[str, Any]) -> None:
    """Without what moto does differently: lists of objects, objects where values are, and True and False, for it 1 and 0."""
    assume(not compares_an_object(pattern, event) and not compares_an_object(alternative, event))
    for one in (pattern, {"$or": [pattern, alternative]}):
        try:
            patterns.check(one)
        except ValueError:
            continue  # a backslash that stands alone
        assert patterns.matches(one, event) is EventPattern.load(json.dumps(one)).matches_event(event)
