"""`python -m kit jobs …`: list, retry, delete and run jobs."""

import argparse
import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError, ProgrammingError

from kit.aws import AwsError
from kit.errors import UsageError

ROUND = 100
"""Dead letters that `--all` processes at a time."""
MYSQL_NO_SUCH_TABLE = 1146

Command = Callable[[argparse.Namespace], None]


def register(commands: Any) -> None:
    """Add the command and its subcommands."""
    parser = commands.add_parser("jobs", help="list, retry, delete and run jobs")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def add(name: str, command: Command, help: str) -> Any:
        action = actions.add_parser(name, help=help)
        action.set_defaults(run=_missing_tables_explained(command))
        return action

    add("list", list_jobs, "list the jobs, where each runs, and how many messages are in the queues")
    add("failed", list_failed, "list the dead letters: jobs that failed for good, and why")
    add("schedules", list_schedules, "list the schedules, and when each is due next")
    show = add("show", show_one, "show one dead letter, with its arguments")
    show.add_argument("id", help="its id, or the beginning of it")
    for name, command, help in (
        ("retry", retry, "send dead letters back to their queue"),
        ("purge", purge, "delete dead letters for good"),
    ):
        action = add(name, command, help)
        action.add_argument("id", nargs="?", help="its id, or the beginning of it")
        action.add_argument("--all", action="store_true", help="every dead letter")
    run = add("run", run_one, "run a job in this process")
    run.add_argument("name", help="such as app.jobs.prune; the last part is enough")
    run.add_argument("arguments", nargs="?", default="{}", help="its arguments as JSON: '{\"message_id\": 42}'")
    event = add("event", send_event, "enqueue the jobs that an event of AWS starts")
    event.add_argument("file", help="a file with the event as JSON; - for standard input")
    worker = add("worker", work, "run the jobs of the local queue until Ctrl-C")
    worker.add_argument("--reload", action="store_true", help="restart when a file of app/ or kit/ changes")
    manifest = add("manifest", write_manifest, "write jobs.json, which the infrastructure reads")
    manifest.add_argument("--check", action="store_true", help="only check that it is up to date")
    add("task", run_task, "run the job that a Fargate task was started for")


def _missing_tables_explained(command: Command) -> Command:
    """Turn the error for a table that does not exist into one that names the command to create it."""

    @wraps(command)
    def run(arguments: argparse.Namespace) -> None:
        try:
            command(arguments)
        except (OperationalError, ProgrammingError) as error:
            if "no such table" not in str(error.orig) and getattr(error.orig, "args", [0])[0] != MYSQL_NO_SUCH_TABLE:
                raise
            raise UsageError(f"The database has no tables for jobs yet ({error.orig}). Run: make migrate") from error

    return run


def _queues() -> Any:
    from kit.jobs.enqueue import configured_queues

    return configured_queues()


def list_jobs(_: argparse.Namespace) -> None:
    """Print each job, then each queue."""
    from kit.jobs import loading, manifest

    for name, job in sorted(loading.load().items()):
        options = job.options
        where = f"{manifest.runs_on(job):<8} queue {options.queue}, {options.attempts} attempts"
        print(f"{name:<32} {where}, at most {options.max_runtime:.0f} s")
        for source in job.sources:
            print(f"{'':<32} {source.describe()}")
    print()
    for queue, number in sorted(_queues().count().items()) or [("default", 0)]:
        print(f"queue {queue}: {number} waiting or running")
    print(f"dead letters: {_queues().count_dead_letters()}")


def list_failed(_: argparse.Namespace) -> None:
    """Print a line for each dead letter."""
    from kit.jobs import loading

    loading.load()  # which job an event starts that was not delivered
    letters, total = _queues().dead_letters(), _queues().count_dead_letters()
    for letter in letters:
        print(_printable(f"{_short(letter.id, 34)} {_short(letter.job, 28)} {_first_line(letter.reason)}"))
    if not letters and not total:
        print("No job has failed for good.", file=sys.stderr)
    if total > len(letters):
        print(
            f"About {total - len(letters)} more can't be shown now: another command is showing them, or they are "
            "behind others of their group in a FIFO queue. `jobs retry --all` and `jobs purge --all` include them.",
            file=sys.stderr,
        )


def show_one(arguments: argparse.Namespace) -> None:
    """Print everything about one dead letter."""
    from kit.jobs import loading

    loading.load()
    letter = _find(arguments.id, _queues().dead_letters())
    lines = [f"id      {letter.id}", f"job     {letter.job}", f"queue   {letter.queue}", f"reason  {letter.reason}"]
    if letter.died:
        lines.append(f"died    {letter.died.isoformat(sep=' ', timespec='seconds')}")
    try:
        lines.append(json.dumps(json.loads(letter.body), indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        lines.append(letter.body)
    print(_printable("\n".join(lines)))


def retry(arguments: argparse.Namespace) -> None:
    """Redrive dead letters, their attempts counted anew."""
    from kit.jobs import loading

    loading.load()
    _for_each(arguments, _queues().redrive, "was sent back to its queue")


def purge(arguments: argparse.Namespace) -> None:
    """Delete dead letters."""
    _for_each(arguments, _queues().delete_dead_letter, "was deleted")


def _for_each(arguments: argparse.Namespace, action: Any, outcome: str) -> None:
    """Redrive or delete one dead letter or all; an error with one does not stop the others."""
    if bool(arguments.id) == arguments.all:
        raise UsageError("Give the id of one dead letter, or --all. `jobs failed` lists them.")
    problems: dict[str, str] = {}
    more = True
    while more:
        limit = ROUND + len(problems) if arguments.all else 1000
        with _queues().receive_dead_letters(limit) as letters:
            selected = letters if arguments.all else [_find(arguments.id, letters)]
            selected = [letter for letter in selected if letter.message_id not in problems]
            for letter in selected:
                try:
                    action(letter)
                except (UsageError, AwsError) as error:
                    problems[letter.message_id] = str(error)
                else:
                    print(_printable(f"{_short(letter.id)} {outcome}."))
        more = arguments.all and bool(selected)
    if problems:
        raise UsageError(_printable("\n".join(problems.values())))


def _find(beginning: str, letters: list[Any]) -> Any:
    matches = [letter for letter in letters if letter.id.startswith(beginning)]
    if not matches:
        raise UsageError(f"There is no dead letter {beginning}. `jobs failed` lists them.")
    if len({letter.id for letter in matches}) > 1:
        raise UsageError(f"The ids of {len(matches)} dead letters begin with {beginning}; give more of it.")
    return matches[0]


def _short(text: str, width: int = 0) -> str:
    """An untrusted name, as one part of a line."""
    return f"{text if len(text) <= 80 else text[:79] + '…':<{width}}"


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["(no reason)"])[0][:500]


def _printable(text: str) -> str:
    """Text that is safe in any terminal: control characters, and those that it can't encode, are escaped."""
    visible = "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    encoding = sys.stdout.encoding or "utf-8"
    return visible.encode(encoding, "backslashreplace").decode(encoding)


def run_one(arguments: argparse.Namespace) -> None:
    """Run one job in this process; its errors are raised."""
    from kit.jobs import loading, timeouts
    from kit.jobs.message import parse
    from kit.jobs.serialization import Unreadable, decode

    jobs = loading.load()
    matches = [job for name, job in jobs.items() if arguments.name in (name, name.rpartition(".")[2])]
    if not matches:
        raise UsageError(f"Unknown job {arguments.name}. Jobs: {', '.join(sorted(jobs))}")
    if len(matches) > 1:
        raise UsageError(f"{arguments.name} matches several jobs: {', '.join(sorted(job.name for job in matches))}")
    job = matches[0]
    try:
        values = decode(job, dict(parse(arguments.arguments)))
    except (ValueError, TypeError, Unreadable) as error:
        raise UsageError(f"Invalid arguments: {error}\nWrite them as JSON, such as '{{\"id\": 42}}'.") from None
    try:
        timeouts.call(job.function, values, job.options.max_runtime)
    except timeouts.OutOfTime:
        raise UsageError(f"{job.name} was stopped after {job.options.max_runtime:.0f} s, its max_runtime.") from None


def send_event(arguments: argparse.Namespace) -> None:
    """Enqueue the jobs that an event starts, and print a line for each."""
    from kit.jobs import JobError, events, loading
    from kit.jobs.message import Unreadable, parse

    loading.load()
    try:
        text = sys.stdin.read() if arguments.file == "-" else Path(arguments.file).read_text(encoding="utf-8")
        messages = events.enqueue(parse(text), _queues())
    except OSError as error:
        raise UsageError(f"Can't read {arguments.file}: {error.strerror}") from None
    except (Unreadable, JobError, ValueError) as error:
        raise UsageError(f"{arguments.file}: {error}") from None
    for message in messages:
        print(f"{message.job} {message.id}")
    if not messages:
        print(
            "No job is declared for this event. `./uvw run python -m kit jobs list` lists what starts jobs.",
            file=sys.stderr,
        )


def list_schedules(_: argparse.Namespace) -> None:
    """Print a line for each schedule."""
    from kit import clock
    from kit.jobs import loading, registry, schedules

    loading.load()
    for name, schedule in sorted(registry.schedules.items()):
        due = schedules.next_time(schedule, clock.now())
        when = f"{due:%Y-%m-%d %H:%M} UTC" if due else "never again"
        print(f"{name:<24} {schedule.expression:<26} {schedule.timezone:<20} next {when}   {schedule.job.name}")


def work(arguments: argparse.Namespace) -> None:
    """Run a local worker."""
    from kit import settings
    from kit.jobs import autoreload

    settings.check()
    if settings.current().jobs != "local":
        raise UsageError(
            "The worker needs JOBS=local: with sqs, the Lambda function runs the jobs; with inline, nothing waits."
        )
    autoreload.run_with_reload() if arguments.reload else autoreload.run()


def write_manifest(arguments: argparse.Namespace) -> None:
    """Write the manifest, or check it; both fail if no worker would find a job."""
    from kit.jobs import manifest

    if not arguments.check:
        manifest.path().write_text(manifest.text(), encoding="utf-8")
    elif not manifest.is_current():
        raise UsageError(f"{manifest.FILE} does not match the code. Update it: make manifest")


def run_task(_: argparse.Namespace) -> None:
    """Run the job in the environment, and exit with its exit code."""
    from kit.jobs.runners import fargate

    if code := fargate.main(_queues()):
        sys.exit(code)
