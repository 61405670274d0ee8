"""Settings that are declared as attributes of a class, and read from the environment.

    class Settings(BaseSettings):
        greeting: str = setting("the first line of the page", default="Hello")
        keep_days: int = setting("how long messages are kept")
        stripe_key: str = secret("the key of the payment provider's API")

    settings = Settings()
    settings.greeting

A setting's variable is its name in upper case. It is read on first use, from the first of these that has it: the
process's environment, the stage's secrets (`kit.secrets.of_stage`), the stage's file (`kit.stage_file`), the default.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from types import NoneType, UnionType
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from kit import generated_secrets, stage_file
from kit.errors import UsageError

__all__ = ["BaseSettings", "SettingsError", "secret", "setting"]

_REQUIRED = object()


class SettingsError(UsageError):
    """Settings are wrong or missing. The message has a line for each, with a valid example."""


def setting(help: str, *, default: Any = _REQUIRED, parse: Callable[[str], Any] | None = None) -> Any:
    """Declare a setting.

    help: what it is for; part of the error if it is wrong or missing.
    default: its value if the variable isn't set, or a function that returns the value or raises `ValueError`.
    parse: converts the variable's text, or raises `ValueError`. By default it follows from the annotation: `str`, `int`,
        `float`, `bool` or `Path`.

    Example: `max_size: int = setting("the largest upload, in MB", default=10)`
    """
    return Setting(help, default, parse)


def secret(
    help: str, *, default: Any = _REQUIRED, parse: Callable[[str], Any] | None = None, generate: bool = False
) -> Any:
    """Declare a secret: a setting whose value no representation shows, and that no file of the project may hold.

    `make secret NAME=…` stores it for a stage; on a laptop it is in `.env`. For the other parameters see `setting`.

    generate: whether it is a random key that nobody has to choose. `make deploy` generates it once for each stage,
        and a laptop has one of its own.

    Example: `stripe_key: str = secret("the key of the payment provider's API")`
    """
    return Setting(help, default, parse, is_secret=True, generate=generate)


class SecretText(str):
    """Text that is shown as asterisks wherever it is represented, as in a traceback with local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


class _SecretInt(int):
    __slots__ = ()
    __str__ = int.__repr__
    __repr__ = SecretText.__repr__


class _SecretFloat(float):
    __slots__ = ()
    __str__ = float.__repr__
    __repr__ = SecretText.__repr__


class Setting:
    """A declared setting: the descriptor that `setting` and `secret` return."""

    def __init__(
        self,
        help: str,
        default: Any,
        parse: Callable[[str], Any] | None = None,
        *,
        is_secret: bool = False,
        generate: bool = False,
    ) -> None:
        self.help, self.default, self.parse, self.is_secret, self.generate = help, default, parse, is_secret, generate
        self.name = ""
        self.owner: type = BaseSettings

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner, self.name = owner, name

    @property
    def variable(self) -> str:
        """The environment variable."""
        return self.name.upper()

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is _REQUIRED

    def __get__(self, instance: "BaseSettings | None", owner: type) -> Any:
        """Read all values on first use; from then on they are attributes of the instance, which come before this."""
        return self if instance is None else instance.values()[self.name]

    def value(self, text: str) -> Any:
        """Return the value of the variable's text, which is empty if it isn't set.

        Raises `ValueError`, which doesn't contain a secret.
        """
        text = _masked(text) if self.is_secret else text  # a traceback may show local variables
        if text:
            parse = self.parse or self._parser()
            try:
                value = parse(text)
            except ValueError:
                if self.is_secret and self.parse is None:
                    raise ValueError("its value has the wrong type") from None
                raise
        elif self.required:
            raise ValueError("it is not set")
        else:
            value = self.default() if callable(self.default) else self.default
        return _masked(value) if self.is_secret else value

    def _parser(self) -> Callable[[str], Any]:
        """Return the function that converts text to the annotated type; raises `ValueError` if there is none."""
        annotation = _annotations(self.owner).get(self.name, str)
        if get_origin(annotation) in {Union, UnionType}:
            annotation = next(each for each in get_args(annotation) if each is not NoneType)
        if annotation not in _PARSERS:
            name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
            raise ValueError(
                f"{self.name} is declared as {name}, which no text converts to by itself; "
                "declare it with parse=…, a function that returns the value"
            )
        return _PARSERS[annotation]


class _Body(dict[str, Any]):
    """The body of a class that declares settings: a name can be declared once."""

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, Setting):
            for other, declared in self.items():
                if isinstance(declared, Setting) and other.upper() == name.upper():
                    both = name if other == name else f"{other} and {name}, whose variable is the same,"
                    where = f"{self['__module__'].replace('.', '/')}.py"
                    raise SettingsError(f"{where} declares {both} twice. Delete one of the lines, or rename it.")
            if hasattr(BaseSettings, name):
                raise SettingsError(
                    f"{name} can't be the name of a setting, because BaseSettings.{name} exists. Rename it."
                )
        super().__setitem__(name, value)


class _Declarations(type):
    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **_: Any) -> dict[str, Any]:
        return _Body()


class BaseSettings(metaclass=_Declarations):
    """Base of a class that declares settings with `setting` and `secret`.

    environ: the variables, instead of the process's environment, the stage's secrets and its file.
    """

    declared: ClassVar[dict[str, Setting]] = {}
    """The settings of the class by their names."""

    def __init_subclass__(cls) -> None:
        cls.declared = {**cls.declared, **{name: each for name, each in vars(cls).items() if isinstance(each, Setting)}}

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ
        self._values: dict[str, Any] | None = None
        self._reading = Lock()

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return an instance that has read its values; raises `SettingsError` with all that is wrong or missing."""
        instance = cls(environ)
        instance.values()
        return instance

    def values(self) -> dict[str, Any]:
        """Return all values by their names; read once, by whichever thread is first. Raises `SettingsError`."""
        if self._values is None:
            with self._reading:
                if self._values is None:
                    values = self._read()
                    self.__dict__.update(values)
                    self._values = values
        return self._values

    def cache_clear(self) -> None:
        """Read them again on the next use."""
        for name in self.declared:
            self.__dict__.pop(name, None)
        self._values = None

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.declared:
            raise AttributeError(f"{name} can't be assigned. In a test, set the variable {name.upper()} instead.")
        super().__setattr__(name, value)

    def _read(self) -> dict[str, Any]:
        values, problems = {}, []
        for name, declared in self.declared.items():
            try:
                values[name] = declared.value(self._text(declared))
            except ValueError as error:
                problems.append(
                    f"  {declared.variable}: {error}{self._hint(declared, error)}\n  {'':{len(name)}}  ({declared.help})"
                )
        if problems:
            raise SettingsError("\n".join(["The app can't start with these settings:", *problems]))
        return values

    def _text(self, declared: Setting) -> str:
        name = declared.variable
        if self._environ is not None:
            return self._environ.get(name, "").strip()
        if text := os.environ.get(name, "").strip():
            return text
        if declared.is_secret:
            from kit import secrets  # on a laptop, HTTP and TLS need not be loaded

            text = secrets.of_stage().get(name, "")
            return generated_secrets.of_laptop(name) if declared.generate and not (text or stage_file.stage()) else text
        return stage_file.current().get(name, "")

    def _hint(self, declared: Setting, error: ValueError) -> str:
        if str(error) != "it is not set":
            return ""
        stage = stage_file.stage()
        if not stage:
            return f". Add a line to .env: {declared.variable}=…"
        if declared.is_secret:
            return f". Store it: make secret NAME={declared.variable} STAGE={stage}"
        return f". Add a line to {stage_file.FOLDER}/{stage}.env: {declared.variable}=…"

    def __repr__(self) -> str:
        values = self._values or {}
        shown = (
            f"{name}={'…' if name not in values else SecretText() if each.is_secret else values[name]!r}"
            for name, each in self.declared.items()
        )
        return f"{type(self).__name__}({', '.join(shown)})"


_annotations = cache(get_type_hints)

_MASKED: dict[type, Callable[[Any], Any]] = {
    str: SecretText,
    int: _SecretInt,
    float: _SecretFloat,
    tuple: lambda values: tuple(map(_masked, values)),
    list: lambda values: list(map(_masked, values)),
    dict: lambda values: {key: _masked(value) for key, value in values.items()},
}


def _masked(value: Any) -> Any:
    """The same value, with a representation that hides it, as far as its type is a plain one."""
    mask = _MASKED.get(type(value))
    return mask(value) if mask else value


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"it is {text!r}, which is not a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"it is {text!r}, which is not a number") from None


def _boolean(text: str) -> bool:
    try:
        return {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }[text.lower()]
    except KeyError:
        raise ValueError(f"it is {text!r}; write true or false") from None


_PARSERS: dict[Any, Callable[[str], Any]] = {int: _integer, float: _number, bool: _boolean, Path: Path, str: str}
