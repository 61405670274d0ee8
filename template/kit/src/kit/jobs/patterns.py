"""Event patterns of EventBridge: whether one is valid, and whether an event matches it.

Source: Amazon EventBridge User Guide, "Comparison operators for use in event patterns",
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import ipaddress
import json
import operator
import re
from collections.abc import Callable
from typing import Any

MAX_CHARACTERS = 2048
"""Characters of a pattern. Source: Amazon EventBridge User Guide, "EventBridge quotas", event pattern size."""
MAX_NUMBER = 5e9
"""The largest number that a numeric comparison takes, and the smallest if negative."""

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS = ("prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr")
_IN_ANYTHING_BUT = ("prefix", "suffix", "equals-ignore-case", "wildcard")


def check(pattern: dict[str, Any]) -> None:
    """Raise `ValueError` that says where EventBridge would refuse the pattern, and what it takes there."""
    if not pattern:
        raise ValueError("it is empty and would match every event; give at least one field")
    _check_fields(pattern, "")
    if (size := len(json.dumps(pattern, separators=(",", ":")))) > MAX_CHARACTERS:
        raise ValueError(f"it has {size:,} characters; the limit is {MAX_CHARACTERS:,}")


def _check_fields(pattern: dict[str, Any], path: str) -> None:
    for name, value in pattern.items():
        where = f"{path}.{name}" if path else str(name)
        if name == "$or":
            if not isinstance(value, list) or len(value) < 2 or not all(isinstance(one, dict) and one for one in value):
                raise ValueError(f"{where} takes a list of at least two patterns")
            for one in value:
                _check_fields(one, path)
        elif isinstance(value, dict):
            if not value:
                raise ValueError(f"{where} is empty; give a list of values")
            if name not in _OPERATORS and value.keys() & set(_OPERATORS):
                raise ValueError(f"{where}: a comparison is an item of a list, such as [{json.dumps(value)}]")
            _check_fields(value, where)
        elif not isinstance(value, list):
            raise ValueError(f"{where} is {value!r}; values are in a list, such as [{json.dumps(value, default=str)}]")
        elif not value:
            raise ValueError(f"{where} is an empty list, which no event matches")
        else:
            for item in value:
                _check_item(item, where)


def _check_item(item: Any, where: str) -> None:
    if isinstance(item, dict):
        if len(item) != 1:
            raise ValueError(f"{where}: a comparison has one operator, not {len(item)}")
        [(name, value)] = item.items()
        if name not in _OPERATORS:
            raise ValueError(f"{where} has the unknown operator {name!r}; use one of {', '.join(_OPERATORS)}")
        if problem := _problem(name, value):
            raise ValueError(f"{where}: {name} {problem}")
    elif not (item is None or isinstance(item, str | bool) or _is_number(item)):
        raise ValueError(f"{where} has {item!r}; use strings, numbers, True, False, None, or a comparison")


def _problem(name: str, value: Any) -> str | None:
    match name, value:
        case "exists", bool():
            return None
        case "exists", _:
            return f"takes True or False, not {value!r}"
        case "numeric", list():
            return _numeric_problem(value)
        case "numeric", _:
            return 'takes a list, such as [">", 0, "<=", 5]'
        case "cidr", str():
            try:
                ipaddress.ip_network(value, strict=False)
            except ValueError:
                return f"takes an address range such as 10.0.0.0/24, not {value!r}"
            return None
        case "wildcard", str():
            return _wildcard_problem(value)
        case (("prefix" | "suffix" | "equals-ignore-case"), str()):
            return None
        case (("prefix" | "suffix"), {"equals-ignore-case": str()}) if len(value) == 1:
            return None
        case "anything-but", dict():
            return _anything_but_problem(value)
        case "anything-but", _:
            values = value if isinstance(value, list) else [value]
            if values and (all(isinstance(one, str) for one in values) or all(_is_number(one) for one in values)):
                return None
            return f"takes a string, a number, or a list of only strings or only numbers, not {value!r}"
    return f"takes a string, not {value!r}"


def _anything_but_problem(value: dict[str, Any]) -> str | None:
    [(name, inner), *more] = value.items() or [("", None)]
    if more or name not in _IN_ANYTHING_BUT:
        return f"takes a value or one of {', '.join(_IN_ANYTHING_BUT)}, not {value!r}"
    texts = inner if isinstance(inner, list) else [inner]
    if not texts or not all(isinstance(text, str) for text in texts):
        return f"with {name} takes a string or a list of strings, not {inner!r}"
    return next(filter(None, map(_wildcard_problem, texts)), None) if name == "wildcard" else None


def _numeric_problem(value: list[Any]) -> str | None:
    operators, numbers = value[::2], value[1::2]
    fits = (
        len(value) in (2, 4)
        and all(isinstance(one, str) and one in _COMPARISONS for one in operators)
        and all(_is_number(one) and abs(one) <= MAX_NUMBER for one in numbers)
    )
    if not fits:
        return f'takes one or two comparisons with numbers up to {MAX_NUMBER:.0e}, such as [">", 0, "<=", 5]'
    if len(value) == 4 and not (operators[0][0] == ">" and operators[1][0] == "<" and numbers[0] < numbers[1]):
        return 'takes the lower bound first, such as [">", 0, "<=", 5]'
    return None


def _wildcard_problem(text: str) -> str | None:
    if "**" in text:
        return f"can't have two asterisks in a row: {text!r}"
    if re.search(r"(?<!\\)(\\\\)*\\([^*\\]|$)", text):
        return rf"takes a backslash only before an asterisk or a backslash: {text!r}"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def matches(pattern: dict[str, Any], event: Any) -> bool:
    """Whether an event matches a valid pattern. In lists of objects, the same object must match all that is asked."""
    if isinstance(event, list):
        return any(matches(pattern, item) for item in event)
    fields = event if isinstance(event, dict) else {}
    for name, expected in pattern.items():
        if name == "$or":
            if not any(matches(one, fields) for one in expected):
                return False
        elif isinstance(expected, dict):
            if not matches(expected, fields.get(name)):
                return False
        elif not _has_match(expected, _leaves(fields, name)):
            return False
    return True


def _leaves(fields: dict[str, Any], name: str) -> list[Any]:
    """The values of a field: those of a list are compared one by one. An object has none of its own."""
    if name not in fields:
        return []
    values, leaves = [fields[name]], []
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif not isinstance(value, dict):
            leaves.append(value)
    return leaves


def _has_match(expected: list[Any], leaves: list[Any]) -> bool:
    for item in expected:
        if isinstance(item, dict) and "exists" in item:
            if item["exists"] == bool(leaves):
                return True
        elif any(_is_match(item, leaf) for leaf in leaves):
            return True
    return False


def _is_match(item: Any, value: Any) -> bool:
    if not isinstance(item, dict):
        return _is_equal(item, value)
    [(name, operand)] = item.items()
    if name == "anything-but":
        if isinstance(operand, dict):
            [(inner, texts)] = operand.items()
            return not any(_is_match({inner: text}, value) for text in _list(texts))
        return not any(_is_equal(one, value) for one in _list(operand))
    if name == "numeric":
        pairs = zip(operand[::2], operand[1::2], strict=True)
        return _is_number(value) and all(_COMPARISONS[sign](value, number) for sign, number in pairs)
    return isinstance(value, str) and _is_text_match(name, operand, value)


def _is_text_match(name: str, operand: Any, value: str) -> bool:
    if isinstance(operand, dict):
        operand, value = operand["equals-ignore-case"].lower(), value.lower()
    match name:
        case "prefix":
            return value.startswith(operand)
        case "suffix":
            return value.endswith(operand)
        case "equals-ignore-case":
            return bool(value.lower() == operand.lower())
        case "wildcard":
            return re.fullmatch(_expression(operand), value, re.DOTALL) is not None
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(operand, strict=False)
    except ValueError:
        return False


def _expression(wildcard: str) -> str:
    parts = re.findall(r"\\.|[^\\]", wildcard, re.DOTALL)
    return "".join(".*" if part == "*" else re.escape(part[-1]) for part in parts)


def _is_equal(expected: Any, value: Any) -> bool:
    if _is_number(expected) and _is_number(value):
        return bool(expected == value)
    return type(expected) is type(value) and bool(expected == value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
