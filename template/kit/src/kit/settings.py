"""Settings: what the app reads from its environment, checked once, before anything else runs.

A setting is a field, and its variable is the field's name in capitals. Your own are a subclass:

    @dataclass(frozen=True, kw_only=True)
    class MySettings(Settings):
        greeting: str = setting("what visitors read first", default="Hello")

    my_settings = MySettings.load()
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from threading import Lock
from typing import Any, Self
from urllib.parse import SplitResult, unquote, urlsplit

from kit import references
from kit.errors import UsageError

__all__ = [
    "PROJECT",
    "Settings",
    "SettingsError",
    "current",
    "database_url",
    "existing_file",
    "named_urls",
    "names",
    "one_of",
    "setting",
]

PROJECT = references.project()
"""The folder that holds `app/` and `migrations/`."""


class SettingsError(UsageError):
    """Every setting that is wrong or missing, a line each, with what would be right."""


def setting(help: str, *, default: Any = MISSING, parse: Callable[[str], Any] = str) -> Any:
    """Declare a setting; `parse` turns the variable's text into its value or raises `ValueError`.

    A `default` that is a function is called when the variable is not set, and may raise too.
    """
    return field(metadata={"help": help, "default": default, "parse": parse})


def one_of(*choices: str) -> Callable[[str], str]:
    """Accept one of a few words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"it is {text!r}; choose one of {', '.join(choices)}")
        return text.lower()

    return parse


def database_url(text: str) -> str:
    """Accept `sqlite:///file` or `mysql://user:password@host/database`; an error never repeats a password."""
    scheme, separator, _ = text.partition("://")
    dialect, _, driver = scheme.partition("+")
    example = "write it as mysql://user:password@host/database or sqlite:///file.db"
    if not separator:
        raise ValueError(f"it is not a URL; {example}")
    if dialect not in {"sqlite", "mysql"} or driver not in {"", "pymysql"}:
        raise ValueError(f"it begins with {scheme}://, which the kit does not know; {example}")
    if dialect == "mysql":
        _check_mysql(text, example)
    return text


def _check_mysql(text: str, example: str) -> None:
    try:
        parts: SplitResult = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"its host or port cannot be read; {example}") from error
    if not host:
        raise ValueError(f"it names no host; {example}")
    if not unquote(parts.path).strip("/"):
        raise ValueError(f"it names no database; {example}")


def _database_elsewhere() -> str:
    """The URL that DATABASE_URL_SECRET names; without one, a laptop needs no database server.

    A cloud function cannot keep a file and must be told where to go.
    """
    if name := os.environ.get("DATABASE_URL_SECRET", "").strip():
        from kit import secrets

        return database_url(secrets.read(name).strip())
    if not os.access(PROJECT, os.W_OK):
        raise ValueError("it is not set, and no SQLite file can be kept here; set mysql://user:password@host/database")
    return f"sqlite:///{PROJECT / 'data' / 'app.db'}"


def existing_file(text: str) -> str:
    """Accept the path of a file that is there."""
    if not Path(text).is_file():
        raise ValueError(f"there is no file {text}")
    return text


def named_urls(text: str) -> dict[str, str]:
    """Accept `name=URL`, several with commas between."""
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    for name, _, url in pairs:
        if not name or not url.startswith(("https://", "http://")):
            raise ValueError(f"it holds {name!r} without a URL; write it as default=https://…,mail=https://…")
    return {name: url for name, _, url in pairs}


def names(text: str) -> tuple[str, ...]:
    """Accept one or several, with commas between."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the kit itself needs to know."""

    database_url: str = setting(
        "the database, as PlanetScale shows it; a laptop keeps a SQLite file in data/ without it",
        default=_database_elsewhere,
        parse=database_url,
    )
    database_url_secret: str | None = setting(
        "where DATABASE_URL is kept: an SSM parameter such as /my-app/database-url, or the ARN of a secret",
        default=None,
    )
    database_ca: str | None = setting(
        "a file with the certificate authority that signed the MySQL server's certificate, if the system's do not",
        default=None,
        parse=existing_file,
    )
    planetscale_token_secret: str | None = setting(
        "where a PlanetScale service token is kept, as ID:TOKEN, for migrations: an SSM parameter, or the ARN of a secret",
        default=None,
    )
    database_limits: str = setting(
        "what PlanetScale would refuse: enforce makes it fail here too, warn only logs it, as the image does",
        default="enforce",
        parse=one_of("enforce", "warn"),
    )
    log_level: str = setting(
        "debug, info, warning or error", default="info", parse=one_of("debug", "info", "warning", "error")
    )
    log_format: str = setting(
        "json, text, or auto: text in a terminal", default="auto", parse=one_of("auto", "json", "text")
    )
    jobs: str = setting(
        "where jobs go: local (the app's own database), sqs, or inline: run at once where they are enqueued",
        default="local",
        parse=one_of("local", "sqs", "inline"),
    )
    jobs_queues: Mapping[str, str] = setting(
        "the SQS queues, by the name that jobs call them: default=https://…,mail=https://…",
        default=dict,
        parse=named_urls,
    )
    jobs_dead_queues: Mapping[str, str] = setting(
        "the dead-letter queue of each of them, under the same names", default=dict, parse=named_urls
    )
    jobs_scheduler_group: str | None = setting(
        "the EventBridge Scheduler group for delays past 15 minutes", default=None
    )
    jobs_scheduler_role: str | None = setting("the ARN of the role by which the Scheduler sends to SQS", default=None)
    jobs_cluster: str | None = setting("the ECS cluster in which jobs too long for Lambda run", default=None)
    jobs_task_definition: str | None = setting("the task definition of the app's image, for those jobs", default=None)
    jobs_subnets: tuple[str, ...] = setting("the subnets of those tasks: subnet-1,subnet-2", default=tuple, parse=names)
    jobs_security_groups: tuple[str, ...] = setting(
        "the security groups of those tasks: sg-1", default=tuple, parse=names
    )
    metrics_namespace: str = setting("under which name CloudWatch keeps the jobs' metrics", default="app")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read every setting from `environ` (the process's own by default).

        Raises `SettingsError` that names all that are wrong or missing at once.
        """
        environ = os.environ if environ is None else environ
        values, problems = {}, []
        for declared in fields(cls):
            name = declared.name.upper()
            try:
                values[declared.name] = _read(environ.get(name, "").strip(), **declared.metadata)
            except ValueError as error:
                problems.append(f"  {name}: {error}\n  {'':{len(name)}}  ({declared.metadata['help']})")
        if problems:
            raise SettingsError("\n".join(["These settings keep the app from starting:", *problems]))
        return cls(**values)


def _read(text: str, *, default: Any, parse: Callable[[str], Any], help: str) -> Any:
    if text:
        return parse(text)
    if default is MISSING:
        raise ValueError("it is not set")
    return default() if callable(default) else default


class _Current:
    """Called, it gives the settings of this process: read on first use, once, whichever thread asks first."""

    def __init__(self) -> None:
        self._read: Settings | None = None
        self._reading = Lock()

    def __call__(self) -> Settings:
        if self._read is None:
            with self._reading:
                self._read = self._read or Settings.load()
        return self._read

    def cache_clear(self) -> None:
        """Read them anew on the next use."""
        self._read = None


current = _Current()
"""Return the kit's settings of this process, read from the environment on first use."""


def on_lambda() -> bool:
    """Whether this process is a Lambda environment: it answers one request at a time, from files that never change."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
