"""What a job is: a function, and how it is to be run. Mistakes are told when the module is imported."""

import inspect
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import update_wrapper
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar, overload

from kit import references
from kit.jobs import backoff as backoffs
from kit.jobs.backoff import Backoff
from kit.jobs.message import is_unicode

if TYPE_CHECKING:
    from kit.jobs.schedules import Schedule

P = ParamSpec("P")
R = TypeVar("R")

LAMBDA_LIMIT = 15 * 60.0
"""Seconds that one invocation of a Lambda function can take at most."""
LONGEST = 11 * 3600.0
"""Seconds; a job's message stays hidden in SQS while it runs, which ends 12 hours after it was received."""
DEFAULT_ATTEMPTS = 13
DEFAULT_RUNTIME = 5 * 60.0
MAX_NAME = 255
"""Characters of a job's name, module included; the local queue's column has no more."""
MAX_QUEUE = 60
"""Characters of a queue's name; SQS allows 80, with the names of the project and the stage in front."""
ENQUEUE_OPTIONS = ("delay", "at", "key", "group")

_QUEUE_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class JobError(TypeError):
    """A job or a schedule is declared or called in a way that cannot work; the message says what would be right."""


def seconds(number: float) -> timedelta:
    """A duration."""
    return timedelta(seconds=number)


def minutes(number: float) -> timedelta:
    """A duration."""
    return timedelta(minutes=number)


def hours(number: float) -> timedelta:
    """A duration."""
    return timedelta(hours=number)


def days(number: float) -> timedelta:
    """A duration."""
    return timedelta(days=number)


class Options(NamedTuple):
    """How a job is run."""

    attempts: int = DEFAULT_ATTEMPTS
    backoff: Backoff = backoffs.DEFAULT
    max_runtime: float = DEFAULT_RUNTIME
    queue: str = "default"
    log_arguments: bool = False


class Job(Generic[P, R]):
    """A declared job. Called, it is the plain function; `enqueue` hands it off."""

    def __init__(self, function: Callable[P, R], options: Options) -> None:
        self.function = function
        self.options = options
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.signature = inspect.signature(function)
        self.schedules: list[Schedule] = []
        self.types: dict[str, type] | None = None  # `arguments` finds them on first use
        self.findable = function.__module__ == references.JOBS
        """Whether a worker is known to find it; `discovery` finds out about others when they are enqueued."""
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<job {self.name}>"

    @property
    def on_fargate(self) -> bool:
        """Whether it may take longer than a Lambda function can."""
        return self.options.max_runtime > LAMBDA_LIMIT

    def enqueue(
        self,
        *args: Any,
        delay: timedelta | float | None = None,
        at: datetime | None = None,
        key: str | None = None,
        group: str | None = None,
        **kwargs: Any,
    ) -> str:
        """Hand the job off with these arguments, and give its id.

        Inside a block of `database.session()` it is sent after the commit, and never if the block is rolled back.
        `delay` (or `at`, a moment): not before. `key`: a second run with the same key does nothing.
        `group`: messages of one group are run in order on a queue whose name ends in .fifo, and share fairly elsewhere.
        Raises `JobError` for arguments that do not fit or cannot travel.
        """
        from kit.jobs import enqueue

        return enqueue.one(self, args, kwargs, delay=delay, at=at, key=key, group=group)

    def enqueue_many(
        self,
        calls: Iterable[tuple[Any, ...] | dict[str, Any]],
        *,
        delay: timedelta | float | None = None,
        at: datetime | None = None,
        group: str | None = None,
    ) -> list[str]:
        """Hand the job off once for each tuple (or dict) of arguments, ten to a network call, and give the ids."""
        from kit.jobs import enqueue

        return enqueue.many(self, calls, delay=delay, at=at, group=group)


registry: dict[str, Job[Any, Any]] = {}
"""Every job that has been imported, by name."""


def load() -> dict[str, Job[Any, Any]]:
    """Import the app's jobs and the kit's own, and give all, checked as far as they can be without running."""
    from kit.jobs import serialization

    import_module(references.JOBS)
    import_module("kit.jobs.maintenance")
    for declared in registry.values():
        serialization.types(declared)
    return registry


@overload
def job(function: Callable[P, R], /) -> Job[P, R]: ...


@overload
def job(
    *,
    attempts: int = ...,
    backoff: Backoff | float | list[float] | tuple[float, ...] = ...,
    max_runtime: timedelta | float = ...,
    queue: str = ...,
    log_arguments: bool = ...,
) -> Callable[[Callable[P, R]], Job[P, R]]: ...


def job(function: Any = None, /, **options: Any) -> Any:
    """Make a function a job: `@job`, or `@job(attempts=8, backoff=…, max_runtime=minutes(2), queue="mail")`.

    attempts        how often it is run at most before it goes to the dead-letter queue (13)
    backoff         seconds between attempts, or a list of them, or `exponential(…)`; see kit/docs/jobs.md
    max_runtime     it is stopped after this (5 minutes); beyond 15 minutes it runs on Fargate
    queue           the name of its queue ("default"); one that ends in .fifo keeps each group's order
    log_arguments   whether its arguments may stand in the logs (no)
    """
    if function is None:
        checked = _options(options)
        return lambda declared: _declare(declared, checked)
    if options or not callable(function) or isinstance(function, Job):
        raise JobError("@job takes its options by name and stands right above a function: @job(attempts=8)")
    return _declare(function, Options())


def _declare(function: Any, options: Options) -> Job[Any, Any]:
    if isinstance(function, Job) or not inspect.isfunction(function):
        raise JobError(f"@job stands right above a function; {function!r} is none")
    declared: Job[Any, Any] = Job(function, options)
    if function.__module__ == "__main__":
        raise JobError(
            f"{function.__qualname__} is declared in a script (__main__), where no worker finds it. "
            f"Move it to {references.JOBS}, or to a module that {references.JOBS} imports, and import it from there."
        )
    if "<lambda>" in declared.name:
        raise JobError("@job stands above a function that has a name: write def, so that a worker finds it.")
    if len(declared.name) > MAX_NAME:
        raise JobError(f"{declared.name[:80]}… has {len(declared.name)} characters; {MAX_NAME} is the most for a job")
    if not is_unicode(declared.name):
        raise JobError(f"{declared.name!r} has half a character (a lone surrogate) in its name; rename the function.")
    if "<locals>" in declared.name:
        raise JobError(
            f"{declared.name} is defined inside a function, where no worker finds it. Move it to the module."
        )
    for parameter in declared.signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise JobError(f"{declared.name}: each argument travels by its name, so {parameter} cannot. Name them all.")
        if parameter.name in ENQUEUE_OPTIONS:
            raise JobError(
                f"{declared.name}: {parameter.name!r} is an option of enqueue(). Call the argument otherwise."
            )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise JobError(f"{declared.name} yields; a job is called once and returns.")
    if _is_second(registry.get(declared.name), function):
        raise JobError(
            f"There are two jobs called {declared.name}, and a worker would run only the later. Rename one of them. "
            "(If you reloaded a changed module, start the process again.)"
        )
    registry[declared.name] = declared
    return declared


def _is_second(earlier: Job[Any, Any] | None, function: Callable[..., Any]) -> bool:
    """Whether another job of the same module has this name: another function, or the same once more."""
    if earlier is None or earlier.function.__globals__ is not function.__globals__:
        return False  # a module that is imported again, as tests do, has globals of its own
    return earlier.function is function or _place(earlier.function) != _place(function)


def _place(function: Callable[..., Any]) -> tuple[str, int]:
    code = inspect.unwrap(function).__code__
    return code.co_filename, code.co_firstlineno


def _options(given: dict[str, Any]) -> Options:
    for name in given:
        if name not in Options._fields:
            raise JobError(f"@job knows no option {name!r}{_hint(name)}. It has: {', '.join(Options._fields)}.")
    if "max_runtime" in given:
        given["max_runtime"] = duration(given["max_runtime"], "max_runtime")
    if "backoff" in given:
        try:
            given["backoff"] = backoffs.parse(given["backoff"])
        except ValueError as error:
            raise JobError(f"@job: {error}") from None
    made = Options(**given)
    if not isinstance(made.attempts, int) or isinstance(made.attempts, bool) or not 1 <= made.attempts <= 1000:
        raise JobError(f"@job: attempts is {made.attempts!r}; give a number from 1 to 1000")
    if not 0 < made.max_runtime <= LONGEST:
        raise JobError(f"@job: max_runtime is {made.max_runtime:.0f} s; it is more than 0 and at most {LONGEST:.0f} s")
    bare = made.queue.removesuffix(".fifo") if isinstance(made.queue, str) else ""
    if not bare or not set(bare) <= _QUEUE_NAME or len(bare) > MAX_QUEUE:
        raise JobError(
            f"@job: queue is {made.queue!r}; take up to {MAX_QUEUE} lower-case letters, digits and hyphens, such as mail"
        )
    if not isinstance(made.log_arguments, bool):
        raise JobError(f"@job: log_arguments is {made.log_arguments!r}; it is True or False")
    return made


def _hint(name: str) -> str:
    import difflib

    known = {"retries": "attempts", "timeout": "max_runtime", "time_limit": "max_runtime", "retry": "attempts"}
    near = [known[name]] if name in known else difflib.get_close_matches(name, Options._fields, n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def duration(value: object, name: str) -> float:
    """Give a duration in seconds; raises `JobError` for what is none."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise JobError(f"{name} is a number of {value.bit_length()} bits; give seconds") from None  # type: ignore[union-attr]
    raise JobError(f"{name} is {value!r}; give seconds, or a duration such as minutes(5)")
