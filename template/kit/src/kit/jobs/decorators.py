"""`@job` makes a function a job. Mistakes in a declaration are reported when its module is imported."""

import inspect
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, overload

from kit import references
from kit.jobs import backoff as backoffs
from kit.jobs import registry
from kit.jobs.backoff import Backoff
from kit.jobs.spec import MAX_RUNTIME, JobError, JobSpec, Options, to_seconds

P = ParamSpec("P")
R = TypeVar("R")

MAX_NAME = 255
"""Characters of a job's name, module included; the database queue's column is no longer."""
MAX_QUEUE = 26
"""Characters of a queue's name: SQS allows 80 for `<project>-<stage>-<queue>-dead.fifo`, of a project's 30 and a stage's 12.

Source: Amazon SQS Developer Guide, "queue quotas"
"""
ENQUEUE_OPTIONS = ("delay", "at", "idempotency_key", "group")

_QUEUE_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def seconds(number: float) -> timedelta:
    """A duration, for `max_runtime` and `delay`."""
    return timedelta(seconds=number)


def minutes(number: float) -> timedelta:
    """A duration, for `max_runtime` and `delay`."""
    return timedelta(minutes=number)


def hours(number: float) -> timedelta:
    """A duration, for `max_runtime` and `delay`."""
    return timedelta(hours=number)


def days(number: float) -> timedelta:
    """A duration, for `delay`."""
    return timedelta(days=number)


class Job(JobSpec, Generic[P, R]):
    """A declared job. Calling it calls the plain function; `enqueue` has a worker run it."""

    function: Callable[P, R]

    def __init__(self, function: Callable[P, R], options: Options) -> None:
        super().__init__(function, options)
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def enqueue(
        self,
        *args: Any,
        delay: timedelta | float | None = None,
        at: datetime | None = None,
        idempotency_key: str | None = None,
        group: str | None = None,
        **kwargs: Any,
    ) -> str:
        """Have a worker run the job with these arguments.

        Inside a block of `database.session()` the message is sent after the commit, and never after a rollback.

        Parameters:
            args, kwargs: the job's own arguments, as JSON, datetimes, dates, UUIDs, decimals, tuples, and the enums and
                dataclasses that its signature names.
            delay: run it no earlier than after this: seconds, or a duration such as `minutes(5)`; ten years at most.
            at: run it no earlier than at this datetime, which must have a time zone. Give `delay` or `at`.
            idempotency_key: 1 to 255 characters. After one run of the job with this key has succeeded, others do nothing.
            group: 1 to 128 ASCII characters without spaces. On a queue whose name ends in `.fifo`, messages of one group
                run in order; on others, groups share the workers fairly.

        Returns:
            The message's id, which is also the `job_id` in the logs.

        Raises:
            JobError: an argument or option is invalid, or the message is too large.

        Example:
            welcome.enqueue(42)
            welcome.enqueue(42, delay=days(2), idempotency_key="welcome 42")
        """
        from kit.jobs import enqueue  # not at a web function's start, which may never enqueue

        return enqueue.enqueue(
            self, [(args, kwargs)], delay=delay, at=at, idempotency_key=idempotency_key, group=group
        )[0]

    def enqueue_many(
        self,
        calls: Iterable[tuple[Any, ...] | dict[str, Any]],
        *,
        delay: timedelta | float | None = None,
        at: datetime | None = None,
        group: str | None = None,
    ) -> list[str]:
        """Have workers run the job once for each of these calls; ten messages take one request to SQS.

        Parameters:
            calls: the arguments of each call, by position in a tuple or by name in a dict.
            delay, at, group: as for `enqueue`, the same for all.

        Returns:
            The messages' ids, in the order of the calls.

        Raises:
            JobError: a call or option is invalid; then nothing is enqueued.

        Example:
            welcome.enqueue_many([(1,), (2,), {"user_id": 3}])
        """
        from kit.jobs import enqueue  # as above

        arguments = [self._arguments(call) for call in calls]
        return enqueue.enqueue(self, arguments, delay=delay, at=at, group=group)

    def _arguments(self, call: tuple[Any, ...] | dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        match call:
            case tuple():
                return call, {}
            case dict():
                return (), call
        raise JobError(f"{self.name}.enqueue_many() takes tuples or dicts of arguments, such as [(1,), (2,)]: {call!r}")


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
    """Declare a function as a job: `@job`, or `@job(attempts=8, queue="mail")`.

    Parameters:
        attempts: how often it is run at most, from 1 to 1000 (13); then it is in the dead-letter queue.
        backoff: seconds between attempts, a list of them, or `exponential(…)`; the table in kit/docs/jobs.md is the
            default.
        max_runtime: it is stopped after this: seconds, or a duration (5 minutes). Longer than 15 minutes it runs on
            Fargate; 11 hours at most.
        queue: lower-case letters, digits and hyphens ("default"); with .fifo at the end, each group keeps its order.
        log_arguments: whether its arguments may be logged (no).

    Returns:
        A `Job`, which can still be called as the function.

    Raises:
        JobError: an option is unknown or invalid, or workers could not find or call the function.

    Example:
        @job(attempts=8, max_runtime=minutes(2))
        def welcome(user_id: int) -> None: ...
    """
    if function is None:
        checked = _check_options(options)
        return lambda function: _declare(function, checked)
    if options or not callable(function) or isinstance(function, Job):
        raise JobError("@job takes its options by name and must decorate a function: @job(attempts=8)")
    return _declare(function, Options())


def _declare(function: Any, options: Options) -> Job[Any, Any]:
    if isinstance(function, Job) or not inspect.isfunction(function):
        raise JobError(f"@job must decorate a function, got {function!r}")
    declared: Job[Any, Any] = Job(function, options)
    _check_name(declared)
    for parameter in declared.signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise JobError(
                f"{declared.name}: arguments are sent by name, so {parameter} is not possible. Name them all."
            )
        if parameter.name in ENQUEUE_OPTIONS:
            raise JobError(f"{declared.name}: {parameter.name!r} is an option of enqueue(). Rename the argument.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise JobError(f"{declared.name} is a generator; a job is called once and must return.")
    if _is_duplicate(registry.jobs.get(declared.name), function):
        raise JobError(
            f"There are two jobs named {declared.name}, and a worker would run only the later. Rename one of them. "
            "(If you reloaded a changed module, restart the process.)"
        )
    registry.jobs[declared.name] = declared
    return declared


def _check_name(declared: JobSpec) -> None:
    name = declared.name
    if declared.function.__module__ == "__main__":
        raise JobError(
            f"{declared.function.__qualname__} is declared in a script (__main__), where no worker finds it. "
            f"Move it to {references.JOBS}, or to a module that {references.JOBS} imports, and import it from there."
        )
    if "<lambda>" in name:
        raise JobError("@job must decorate a named function: write def instead of lambda, so that a worker finds it.")
    if len(name) > MAX_NAME:
        raise JobError(f"{name[:80]}… has {len(name)} characters; the limit for a job's name is {MAX_NAME}")
    if not name.isprintable():
        raise JobError(f"{name!r} has unprintable characters in its name; rename the function.")
    if "<locals>" in name:
        raise JobError(f"{name} is defined inside a function, where no worker finds it. Move it to the module.")


def _is_duplicate(earlier: JobSpec | None, function: Callable[..., Any]) -> bool:
    """Whether another job of the same module has this name: another function, or the same function twice."""
    if earlier is None or earlier.function.__globals__ is not function.__globals__:
        return False  # a module that is imported again, as tests do, has globals of its own
    return earlier.function is function or _location(earlier.function) != _location(function)


def _location(function: Callable[..., Any]) -> tuple[str, int]:
    code = inspect.unwrap(function).__code__
    return code.co_filename, code.co_firstlineno


def _check_options(values: dict[str, Any]) -> Options:
    for name in values:
        if name not in Options._fields:
            raise JobError(f"@job has no option {name!r}{_suggestion(name)}. Options: {', '.join(Options._fields)}.")
    if "max_runtime" in values:
        values["max_runtime"] = to_seconds(values["max_runtime"], "max_runtime")
    if "backoff" in values:
        try:
            values["backoff"] = backoffs.parse(values["backoff"])
        except ValueError as error:
            raise JobError(f"@job: {error}") from None
    options = Options(**values)
    if not isinstance(options.attempts, int) or isinstance(options.attempts, bool) or not 1 <= options.attempts <= 1000:
        raise JobError(f"@job: attempts is {options.attempts!r}; give a number from 1 to 1000")
    if not 0 < options.max_runtime <= MAX_RUNTIME:
        raise JobError(
            f"@job: max_runtime is {options.max_runtime:.0f} s; it must be more than 0 and at most {MAX_RUNTIME:.0f} s"
        )
    base = options.queue.removesuffix(".fifo") if isinstance(options.queue, str) else ""
    if not base or not set(base) <= _QUEUE_NAME or len(base) > MAX_QUEUE:
        raise JobError(
            f"@job: queue is {options.queue!r}; use up to {MAX_QUEUE} lower-case letters, digits and hyphens, "
            "such as mail"
        )
    if base.endswith("-dead"):
        raise JobError(f"@job: queue is {options.queue!r}; names that end in -dead are those of dead-letter queues")
    if not isinstance(options.log_arguments, bool):
        raise JobError(f"@job: log_arguments is {options.log_arguments!r}; it must be True or False")
    return options


def _suggestion(name: str) -> str:
    import difflib  # only for an error, and slow to import

    aliases = {"retries": "attempts", "timeout": "max_runtime", "time_limit": "max_runtime", "retry": "attempts"}
    near = [aliases[name]] if name in aliases else difflib.get_close_matches(name, Options._fields, n=1)
    return f", did you mean {near[0]!r}?" if near else ""
