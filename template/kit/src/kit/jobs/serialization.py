"""A job's arguments as JSON; datetimes, dates, UUIDs, decimals, tuples, enums and dataclasses keep their types.

A value that JSON does not have becomes `{"$": kind, "v": text}`. Only the enums and dataclasses that the job's signature
names are serialized, so that a message can never make a worker build anything else.
"""

import dataclasses
import math
import typing
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from kit.jobs.message import text_of
from kit.jobs.spec import JobError, JobSpec

TAG = "$"
MAX_BITS = 8192

_TO: dict[type, tuple[str, Callable[[Any], str]]] = {
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    UUID: ("uuid", str),
    Decimal: ("decimal", str),
}
_FROM: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "uuid": UUID,
    "decimal": Decimal,
}


class NotSerializable(ValueError):
    """A value has no JSON form."""


class Unreadable(ValueError):
    """A message's arguments do not fit the job's signature."""


def encode(job: JobSpec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Convert the arguments of a call to JSON values by name; raises `JobError` that names the one that does not fit."""
    try:
        bound = job.signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise JobError(f"{job.name}{job.signature} can't be called with these arguments: {error}") from None
    encoded = {}
    for name, value in bound.items():
        try:
            encoded[name] = _encode(value, types(job), set())
        except (NotSerializable, RecursionError) as error:
            raise JobError(f"{job.name}: the argument {name!r} can't be sent to a worker: {error}") from None
    return encoded


def decode(job: JobSpec, encoded: dict[str, Any]) -> dict[str, Any]:
    """Convert JSON values back to arguments; raises `Unreadable` if they do not fit the signature."""
    try:
        known = types(job)
        values = {name: _decode(value, known) for name, value in encoded.items()}
        if values.keys() != job.signature.parameters.keys():  # all of them always fit, as each is sent by name
            job.signature.bind(**values)
    except Exception as error:  # a dataclass's own checks too
        raise Unreadable(f"the arguments do not fit {job.name}{job.signature}: {text_of(error)}") from error
    return values


def _encode(value: Any, known: dict[str, type], inside: set[int]) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        if value.bit_length() > MAX_BITS:
            raise NotSerializable(f"it is a number of {value.bit_length()} bits; the limit is {MAX_BITS}")
        return value
    if kind is str:
        return _text(value)
    if kind is float:
        if not math.isfinite(value):
            raise NotSerializable(f"JSON has no {value}")
        return value
    if kind in _TO:
        name, text = _TO[kind]
        return {TAG: name, "v": text(value)}
    if id(value) in inside:
        raise NotSerializable("it contains itself")
    inside = inside | {id(value)}
    if kind is list or kind is tuple:
        items = [_encode(item, known, inside) for item in value]
        return items if kind is list else {TAG: "tuple", "v": items}
    if kind is dict:
        return _encode_dict(value, known, inside)
    if known.get(kind.__name__) is not kind:
        raise NotSerializable(_why_not(value))
    if isinstance(value, Enum):
        if value.name not in kind.__members__:
            raise NotSerializable(f"{value!r} is not a single member of {kind.__name__}")
        return {TAG: "enum", "of": kind.__name__, "v": value.name}
    fields = {field.name: _encode(getattr(value, field.name), known, inside) for field in dataclasses.fields(value)}
    return {TAG: "dataclass", "of": kind.__name__, "v": fields}


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotSerializable("its text has a lone surrogate (half a character)") from None
    return value


def _encode_dict(value: dict[Any, Any], known: dict[str, type], inside: set[int]) -> Any:
    for name in value:
        if type(name) is not str:
            raise NotSerializable(f"{name!r} is a key of a dict; JSON allows only strings there")
        _text(name)
    encoded = {name: _encode(item, known, inside) for name, item in value.items()}
    return {TAG: "dict", "v": encoded} if TAG in encoded else encoded


def _why_not(value: object) -> str:
    kind = type(value).__name__
    if isinstance(value, Enum) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return f"it is a {kind}, which the signature does not name; annotate the parameter: name: {kind}"
    if isinstance(value, set | frozenset | bytes):
        return f"it is of type {kind}; send a {'list' if isinstance(value, set | frozenset) else 'text'} instead"
    return f"it is of type {kind}; send its id instead, and load it in the job"


def _decode(value: Any, known: dict[str, type]) -> Any:
    if isinstance(value, list):
        return [_decode(item, known) for item in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {name: _decode(item, known) for name, item in value.items()}
    tag, content = value[TAG], value["v"]
    if tag in _FROM:
        return _FROM[tag](content)
    if tag == "tuple":
        return tuple(_decode(item, known) for item in content)
    if tag == "dict":
        return {name: _decode(item, known) for name, item in content.items()}
    kind = known[value["of"]]
    if tag == "enum" and issubclass(kind, Enum):
        return kind[content]
    if tag == "dataclass" and dataclasses.is_dataclass(kind):
        return _build(kind, {name: _decode(item, known) for name, item in content.items()})
    raise ValueError(f"unknown kind of argument {tag!r}")


def _build(kind: Any, fields: dict[str, Any]) -> Any:
    """Create a dataclass; fields that its constructor does not take are set afterwards."""
    later = {field.name for field in dataclasses.fields(kind) if not field.init}
    instance = kind(**{name: value for name, value in fields.items() if name not in later})
    for name in later & fields.keys():
        object.__setattr__(instance, name, fields[name])
    return instance


def types(job: JobSpec) -> dict[str, type]:
    """The enums and dataclasses in the job's signature, by name; raises `JobError` if an annotation is invalid."""
    if job.types is None:
        classes: dict[str, type] = {}
        try:
            for name, hint in typing.get_type_hints(job.function).items():
                if name != "return":
                    _collect(hint, classes)
        except Exception as error:  # evaluating an annotation can raise anything
            raise JobError(f"{job.name}: an annotation of its signature is invalid: {text_of(error)}") from error
        job.types = classes
    return job.types


def _collect(hint: Any, classes: dict[str, type]) -> None:
    """Add the enums and dataclasses within a hint: alone, in `list[…]`, `… | None`, `Literal[…]`, a generic, an alias."""
    if isinstance(hint, Enum):  # a value within Literal[…]
        hint = type(hint)
    if isinstance(hint, typing.NewType):
        hint = hint.__supertype__
    hint = getattr(hint, "__value__", hint)  # an alias: type Colours = list[Colour]
    for part in typing.get_args(hint):
        _collect(part, classes)
    kind = typing.get_origin(hint) or hint
    if not isinstance(kind, type) or kind in classes.values():
        return
    has_fields = dataclasses.is_dataclass(kind) or typing.is_typeddict(kind)
    if issubclass(kind, Enum) or has_fields:
        if kind.__name__ in classes:
            raise NotSerializable(f"two classes are named {kind.__name__}")
        classes[kind.__name__] = kind
        for part in typing.get_type_hints(kind).values() if has_fields else ():
            _collect(part, classes)
