"""`python -m kit jobs …`: what waits, what failed and why; try it again, delete it, run a job now."""

import argparse
import json
import sys
from typing import Any

from kit.aws import AwsError
from kit.errors import UsageError

ROUND = 100
"""Dead letters that `--all` takes at a time."""


def register(commands: Any) -> None:
    """Add the command and its own."""
    parser = commands.add_parser("jobs", help="see, retry, delete and run jobs")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, function, help in (
        ("list", show_all, "the jobs, where each runs, and how many messages stand in the queues"),
        ("failed", failed, "the dead letters: jobs that were given up, and why"),
        ("schedules", show_schedules, "the schedules, and when each is due next"),
    ):
        actions.add_parser(name, help=help).set_defaults(run=function)
    show = actions.add_parser("show", help="one dead letter, with its arguments")
    show.add_argument("id", help="its id, or the beginning of it")
    show.set_defaults(run=show_one)
    for name, change, help in (
        ("retry", retry, "put dead letters back into their queue"),
        ("purge", purge, "delete dead letters for good"),
    ):
        action = actions.add_parser(name, help=help)
        action.add_argument("id", nargs="?", help="its id, or the beginning of it")
        action.add_argument("--all", action="store_true", help="every dead letter")
        action.set_defaults(run=change)
    run = actions.add_parser("run", help="run a job here and now, to its end")
    run.add_argument("name", help="such as app.jobs.prune; the last part is enough")
    run.add_argument("arguments", nargs="?", default="{}", help="its arguments as JSON: '{\"message_id\": 42}'")
    run.set_defaults(run=run_one)
    worker = actions.add_parser("worker", help="work off the local queue until Ctrl-C")
    worker.add_argument("--reload", action="store_true", help="begin anew when a file of app/ or kit/ changes")
    worker.set_defaults(run=work)
    manifest = actions.add_parser("manifest", help="write jobs.json, which the infrastructure reads")
    manifest.add_argument("--check", action="store_true", help="only say whether it is up to date")
    manifest.set_defaults(run=write_manifest)
    actions.add_parser("task", help="run the one job that a Fargate task was started for").set_defaults(run=task)


def _queues() -> Any:
    from kit.jobs.enqueue import queues

    return queues()


def show_all(_: argparse.Namespace) -> None:
    """Print each job, then each queue."""
    from kit.jobs import decorators, manifest

    for name, job in sorted(decorators.load().items()):
        options = job.options
        where = f"{manifest.runs_on(job):<8} queue {options.queue}, {options.attempts} attempts"
        print(f"{name:<32} {where}, at most {options.max_runtime:.0f} s")
    print()
    for queue, number in sorted(_queues().count().items()) or [("default", 0)]:
        print(f"queue {queue}: {number} waiting or running")
    print(f"dead letters: {_queues().count_dead()}")


def failed(_: argparse.Namespace) -> None:
    """Print a line for each dead letter."""
    letters, total = _queues().dead(), _queues().count_dead()
    for letter in letters:
        print(_printable(f"{_short(letter.id, 34)} {_short(letter.job, 28)} {_first_line(letter.reason)}"))
    if not letters and not total:
        print("No job has failed for good.", file=sys.stderr)
    if total > len(letters):
        print(
            f"About {total - len(letters)} more cannot be shown now: another command looks at them, or they stand "
            "behind others of their group in a FIFO queue. `jobs retry --all` and `jobs purge --all` come to them all.",
            file=sys.stderr,
        )


def show_one(arguments: argparse.Namespace) -> None:
    """Print all that is known of one."""
    letter = _find(arguments.id, _queues().dead())
    lines = [f"id      {letter.id}", f"job     {letter.job}", f"queue   {letter.queue}", f"reason  {letter.reason}"]
    if letter.died:
        lines.append(f"died    {letter.died.isoformat(sep=' ', timespec='seconds')}")
    try:
        lines.append(json.dumps(json.loads(letter.body), indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        lines.append(letter.body)
    print(_printable("\n".join(lines)))


def retry(arguments: argparse.Namespace) -> None:
    """Send them again, their attempts counted anew."""
    from kit.jobs import decorators

    decorators.load()
    _settle(arguments, _queues().revive, "is in its queue again")


def purge(arguments: argparse.Namespace) -> None:
    """Delete them."""
    _settle(arguments, _queues().forget, "is deleted")


def _settle(arguments: argparse.Namespace, settle: Any, outcome: str) -> None:
    """Redrive or delete one dead letter or all; one that cannot be keeps no other waiting."""
    if bool(arguments.id) == arguments.all:
        raise UsageError("Name one dead letter by its id, or take all with --all. `jobs failed` lists them.")
    problems: dict[str, str] = {}
    more = True
    while more:
        with _queues().letters(ROUND + len(problems) if arguments.all else 1000) as letters:
            chosen = letters if arguments.all else [_find(arguments.id, letters)]
            chosen = [letter for letter in chosen if letter.message_id not in problems]
            for letter in chosen:
                try:
                    settle(letter)
                except (UsageError, AwsError) as error:
                    problems[letter.message_id] = str(error)
                else:
                    print(_printable(f"{_short(letter.id)} {outcome}."))
        more = arguments.all and bool(chosen)
    if problems:
        raise UsageError(_printable("\n".join(problems.values())))


def _find(beginning: str, letters: list[Any]) -> Any:
    found = [letter for letter in letters if letter.id.startswith(beginning)]
    if not found:
        raise UsageError(f"There is no dead letter {beginning}. `python -m kit jobs failed` lists those there are.")
    if len({letter.id for letter in found}) > 1:
        raise UsageError(f"{beginning} begins the ids of {len(found)} dead letters; write more of it.")
    return found[0]


def _short(text: str, width: int = 0) -> str:
    """A name that may come from anyone, as one part of a line."""
    return f"{text if len(text) <= 80 else text[:79] + '…':<{width}}"


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["(no reason)"])[0][:500]


def _printable(text: str) -> str:
    """Text that any terminal can show: what it has no letters for, or obeys as a command, is written as an escape."""
    visible = "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    encoding = sys.stdout.encoding or "utf-8"
    return visible.encode(encoding, "backslashreplace").decode(encoding)


def run_one(arguments: argparse.Namespace) -> None:
    """Run one job in this process; its errors come through."""
    from kit.jobs import decorators, timeouts
    from kit.jobs.message import parse
    from kit.jobs.serialization import Unreadable, decode

    known = decorators.load()
    named = [job for name, job in known.items() if arguments.name in (name, name.rpartition(".")[2])]
    if len(named) != 1:
        raise UsageError(f"There is no one job called {arguments.name}. There are: {', '.join(sorted(known))}")
    try:
        values = decode(named[0], dict(parse(arguments.arguments)))
    except (ValueError, TypeError, Unreadable) as error:
        raise UsageError(
            f"The arguments cannot be used: {error}\nWrite them as JSON, such as '{{\"id\": 42}}'."
        ) from None
    try:
        timeouts.call(named[0].function, values, named[0].options.max_runtime)
    except timeouts.OutOfTime:
        raise UsageError(f"{named[0].name} was stopped after {named[0].options.max_runtime:.0f} s.") from None


def show_schedules(_: argparse.Namespace) -> None:
    """Print a line for each schedule."""
    from kit import clock
    from kit.jobs import decorators, schedules

    decorators.load()
    for name, made in sorted(schedules.registry.items()):
        due = made.after(clock.now())
        when = f"{due:%Y-%m-%d %H:%M} UTC" if due else "never again"
        print(f"{name:<24} {made.expression:<26} {made.timezone:<20} next {when}   {made.job.name}")


def work(arguments: argparse.Namespace) -> None:
    """Be a local worker."""
    from kit import settings
    from kit.jobs import autoreload

    if settings.current().jobs != "local":
        raise UsageError(
            "JOBS is not local: with sqs the jobs' Lambda function does the work, with inline nobody waits."
        )
    autoreload.worker() if arguments.reload else autoreload.plain()


def write_manifest(arguments: argparse.Namespace) -> None:
    """Write the manifest, or say that it is old."""
    from kit.jobs import manifest

    if not arguments.check:
        manifest.path().write_text(manifest.text(), encoding="utf-8")
    elif not manifest.fresh():  # it raises by itself when a job is declared where no worker finds it
        raise UsageError(f"{manifest.FILE} does not say what the code declares. Write it anew: make manifest")


def task(_: argparse.Namespace) -> None:
    """Run the job in the environment, and end with its exit code."""
    from kit.jobs.runners import fargate

    if code := fargate.main(_queues()):
        sys.exit(code)
