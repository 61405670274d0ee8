"""The kit's own settings, and parsers for yours. See `kit.base_settings` for how settings are declared and read."""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from kit import references
from kit.base_settings import BaseSettings, SettingsError, secret, setting

__all__ = [
    "PROJECT",
    "BaseSettings",
    "Settings",
    "SettingsError",
    "check",
    "current",
    "database_url",
    "existing_file",
    "named_urls",
    "names",
    "one_of",
    "secret",
    "setting",
]

PROJECT = references.project()
"""The folder that holds `app/` and `migrations/`."""


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that accepts one of these words, in upper or lower case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"it is {text!r}; choose one of {', '.join(choices)}")
        return text.lower()

    return parse


def database_url(text: str) -> str:
    """Parse `sqlite:///file` or `mysql://user:password@host/database`. Errors don't contain the password."""
    scheme, separator, _ = text.partition("://")
    dialect, _, driver = scheme.partition("+")
    example = "write it as mysql://user:password@host/database or sqlite:///file.db"
    if not separator:
        raise ValueError(f"it is not a URL; {example}")
    if dialect not in {"sqlite", "mysql"} or driver not in {"", "pymysql"}:
        raise ValueError(f"{scheme}:// is not supported; {example}")
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
    """The URL in DATABASE_URL_SECRET, or a SQLite file where files can be written."""
    if name := os.environ.get("DATABASE_URL_SECRET", "").strip():
        from kit import secrets  # on a laptop, HTTP and TLS need not be loaded

        try:
            return database_url(secrets.read(name).strip())
        except secrets.SecretMissing as error:
            stage = os.environ.get("APP_STAGE", "").strip() or "…"
            raise ValueError(f"{error}. Store it: make secret STAGE={stage}") from None
    if not os.access(PROJECT, os.W_OK):
        raise ValueError(
            "it is not set, and no SQLite file can be written here; set mysql://user:password@host/database"
        )
    return f"sqlite:///{PROJECT / 'data' / 'app.db'}"


def existing_file(text: str) -> str:
    """Parse the path of an existing file."""
    if not Path(text).is_file():
        raise ValueError(f"there is no file {text}")
    return text


def named_urls(text: str) -> dict[str, str]:
    """Parse `name=URL`, separated by commas."""
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    for name, _, url in pairs:
        if not name or not url.startswith(("https://", "http://")):
            raise ValueError(f"{name!r} has no URL; write it as default=https://…,mail=https://…")
    return {name: url for name, _, url in pairs}


def names(text: str) -> tuple[str, ...]:
    """Parse names separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


class Settings(BaseSettings):
    """The kit's own settings."""

    database_url: str = secret(
        "the database, as PlanetScale shows it; without it, a SQLite file in data/ is used",
        default=_database_elsewhere,
        parse=database_url,
    )
    database_url_secret: str | None = setting(
        "where DATABASE_URL is stored: an SSM parameter such as /my-app/database-url, or the ARN of a secret",
        default=None,
    )
    app_stage: str | None = setting("the stage, whose settings are in app/stages/<stage>.env", default=None)
    app_secrets: str | None = setting("the SSM parameter with the app's own secrets", default=None)
    database_ca: str | None = setting(
        "a file with the certificate authority of the MySQL server, if the system doesn't trust it",
        default=None,
        parse=existing_file,
    )
    planetscale_token_secret: str | None = setting(
        "where a PlanetScale service token (ID:TOKEN) is stored, for migrations: an SSM parameter, or the ARN of a secret",
        default=None,
    )
    database_limits: str = setting(
        "PlanetScale's limits: enforce makes exceeding them an error, warn only logs it, as in the image",
        default="enforce",
        parse=one_of("enforce", "warn"),
    )
    log_level: str = setting(
        "debug, info, warning or error", default="info", parse=one_of("debug", "info", "warning", "error")
    )
    log_format: str = setting(
        "json, text, or auto: json on Lambda, text elsewhere", default="auto", parse=one_of("auto", "json", "text")
    )
    jobs: str = setting(
        "where jobs are queued: local (the app's database), sqs, or inline (run at once)",
        default="local",
        parse=one_of("local", "sqs", "inline"),
    )
    jobs_queues: Mapping[str, str] = setting(
        "the SQS queues by name: default=https://…,mail=https://…",
        default=dict,
        parse=named_urls,
    )
    jobs_dead_letter_queues: Mapping[str, str] = setting(
        "their dead-letter queues, by the same names", default=dict, parse=named_urls
    )
    jobs_scheduler_group: str | None = setting(
        "the EventBridge Scheduler group for delays past 15 minutes", default=None
    )
    jobs_scheduler_role: str | None = setting("the ARN of the role with which the Scheduler sends to SQS", default=None)
    jobs_cluster: str | None = setting("the ECS cluster for jobs that are too long for Lambda", default=None)
    jobs_task_definition: str | None = setting("the task definition of the app's image, for those jobs", default=None)
    jobs_subnets: tuple[str, ...] = setting("the subnets of those tasks: subnet-1,subnet-2", default=tuple, parse=names)
    jobs_security_groups: tuple[str, ...] = setting(
        "the security groups of those tasks: sg-1", default=tuple, parse=names
    )
    metrics_namespace: str = setting("the CloudWatch namespace of the jobs' metrics", default="app")
    jobs_metrics: bool = setting(
        "1 writes metrics of jobs to CloudWatch, at 1.50 USD a month for each busy job", default=False
    )


class _Current:
    """Returns the settings of this process when called; see `current`."""

    def __init__(self) -> None:
        self._settings = Settings()
        self._read = False

    def __call__(self) -> Settings:
        if not self._read:
            self._settings.values()
            self._read = True
        return self._settings

    def cache_clear(self) -> None:
        """Read them again on the next use."""
        self._read = False
        self._settings.cache_clear()


current = _Current()
"""Return the kit's settings of this process, read from the environment on first use; raises `SettingsError`."""


def of_app() -> BaseSettings | None:
    """Return the settings that the app declares in app/settings.py; `None` if it has no such file."""
    if find_spec(references.SETTINGS.partition(":")[0]) is None:
        return None
    app: BaseSettings = references.load(references.SETTINGS)
    if isinstance(app, Settings):
        raise SettingsError(
            f"{type(app).__name__} in app/settings.py inherits from the kit's Settings. Let it inherit from BaseSettings "
            "(kit.settings); the kit's settings are kit.settings.current()."
        )
    if clashes := sorted(app.declared.keys() & Settings.declared.keys()):
        raise SettingsError(
            f"app/settings.py declares {', '.join(clashes)}, which the kit has already. Choose another name."
        )
    return app


def variables() -> set[str]:
    """Return the names of all variables that settings are read from, the app's included."""
    app = of_app()
    declared = [*Settings.declared.values(), *(app.declared.values() if app else ())]
    return {each.variable for each in declared}


def check() -> None:
    """Read all settings, the kit's and the app's; raises `SettingsError` with all that is wrong or missing."""
    problems = []
    for read in (current, of_app):
        try:
            if found := read():
                found.values()
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))


def on_lambda() -> bool:
    """Whether this process is a Lambda environment: it answers one request at a time, from files that never change."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
