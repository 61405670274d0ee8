"""Whether IAM allows a request, by the rules that AWS documents, as far as our policies use them.

No well-kept library does this offline: AWS's own simulator needs an account, and moto ignores conditions.
Source: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements" and "Condition operators".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

Policy = Mapping[str, Any]
Context = Mapping[str, str]


def allows(
    action: str, resource: str, context: Context, policies: Iterable[Policy], boundary: Policy | None = None
) -> bool:
    """Whether the identity's policies, limited by its boundary, allow an action on a resource.

    An explicit deny overrides any allow; what nothing allows is denied; a boundary gives nothing, but must allow, too.
    """
    effects = _effects(action, resource, context, policies)
    limits = _effects(action, resource, context, [boundary]) if boundary else {"Allow"}
    return "Deny" not in effects | limits and "Allow" in effects and "Allow" in limits


def about(action: str, policies: Iterable[Policy]) -> list[Policy]:
    """The policies without their statements about other actions, which evaluates faster."""
    matching = [
        statement
        for policy in policies
        for statement in policy["Statement"]
        if _matches_any(action, statement["Action"], ignore_case=True)
    ]
    return [{"Statement": matching}]


def _effects(action: str, resource: str, context: Context, policies: Iterable[Policy]) -> set[str]:
    return {
        statement["Effect"]
        for policy in policies
        for statement in policy["Statement"]
        if _matches_any(action, statement["Action"], ignore_case=True)
        and _matches_any(resource, statement["Resource"])
        and all(
            _holds(operator, key, many(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    }


def _matches_any(text: str, patterns: str | list[str], *, ignore_case: bool = False) -> bool:
    return any(_pattern(pattern, ignore_case).fullmatch(text) for pattern in many(patterns))


@cache
def _pattern(text: str, ignore_case: bool = False) -> re.Pattern[str]:
    """`*` is any number of characters and `?` is one, across colons and slashes, too."""
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in text)
    return re.compile(expression, re.IGNORECASE if ignore_case else 0)


def _arn_like(value: str, pattern: str) -> bool:
    """Each of an ARN's six parts is matched for itself."""
    ours, theirs = value.split(":", 5), pattern.split(":", 5)
    return len(ours) == len(theirs) and all(_pattern(b).fullmatch(a) for a, b in zip(ours, theirs, strict=True))


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, expected: value == expected,
    "StringLike": lambda value, pattern: bool(_pattern(pattern).fullmatch(value)),
    "ArnEquals": _arn_like,  # the same as ArnLike
    "ArnLike": _arn_like,
}


def _holds(operator: str, key: str, values: list[str], context: Context) -> bool:
    """Whether a condition holds; one value of several is enough. Raises `KeyError` for an operator that is not known.

    Without the key in the request, a condition fails, unless its operator is negated or ends in IfExists.
    """
    # Keys are compared without their case.
    present = {name.lower(): value for name, value in context.items()}
    name, negated = operator.removesuffix("IfExists").replace("NotEquals", "Equals"), "NotEquals" in operator
    matches = OPERATORS[name]
    if key.lower() not in present:
        return negated or operator.endswith("IfExists")
    return any(matches(present[key.lower()], value) for value in values) != negated


def many(value: Any) -> list[Any]:
    """The value, or a list with it as the only item."""
    return value if isinstance(value, list) else [value]
