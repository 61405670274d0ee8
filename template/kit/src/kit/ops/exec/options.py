"""The command line of `./exec`."""

import argparse
import re

from kit.errors import UsageError
from kit.ops.ecs_task import TaskSpec

USAGE = """\
./exec [options] [COMMAND …]           a session in a new task, by default the Python console
       ./exec [options] --run -- COMMAND …    a command as the task itself: its output and exit code
       ./exec ps                              list running tasks
       ./exec follow [TASK]                   a task's output and exit code
       ./exec attach [TASK] [-- COMMAND …]    a session in a running task
       ./exec stop [TASK]                     stop a task"""

EXAMPLES = """\
examples:
  ./exec                                      the console, with the app, its models and a database session
  ./exec bash                                 a shell
  ./exec python -m kit jobs failed            any command, with the terminal attached
  ./exec --run -- python -m kit migrate       unattended; exits with the command's exit code
  ./exec --run --detach --max 6h -- COMMAND   start it, and print how to follow it

Don't put secrets on the command line: everyone who may describe the task can read them. Store them in SSM or Secrets
Manager, and read them in the app as DATABASE_URL is read."""

CONSOLE = ["python", "-m", "kit", "console"]
"""The default command of a session."""
MAX_LIFETIME = 7 * 24 * 3600
"""Seconds."""
_SECRET_NAME = re.compile(
    r"(SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"[\w+]+://[^/\s:@]*:[^/\s@]+@")
_SECRET_REFERENCE = re.compile(r"/|arn:")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line of a new task; raises `UsageError` for options that contradict each other."""
    parser = argparse.ArgumentParser(
        prog="./exec",
        usage=USAGE,
        description="Run one-off work in a task of the deployed image. The task ends with its session or command, on "
        "Ctrl-C, when the terminal closes, and in any case when its lifetime is over.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_stage(parser)
    parser.add_argument("--run", action="store_true", help="run the command unattended, and exit with its exit code")
    parser.add_argument(
        "--detach", action="store_true", help="with --run: leave it running, and print how to follow it"
    )
    parser.add_argument("--max", type=duration, default=3600, metavar="1h", help="its lifetime: 90s, 30m, 1h, 2d")
    parser.add_argument("--why", default="", help="the purpose; a tag of the task, and in its log")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="add to its environment")
    parser.add_argument("--cpu", type=int, metavar="1024", help="CPU units; 1024 are one vCPU")
    parser.add_argument("--memory", type=int, metavar="2048", help="MiB")
    parser.add_argument("--local", action="store_true", help="on this machine: in the image, or without Docker")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    args.command = args.command[1:] if args.command[:1] == ["--"] else args.command
    args.environment = dict(parse_variable(text) for text in args.env)
    if args.run and not args.command:
        raise UsageError("--run needs a command: ./exec --run -- python -m kit jobs list")
    if args.detach and not args.run:
        raise UsageError("--detach needs --run: a session lasts only as long as its terminal.")
    if args.detach and args.local:
        raise UsageError("--detach does not work with --local. On this machine, end the command with &.")
    if secret := next((word for word in args.command if _SECRET_VALUE.search(word)), None):
        raise UsageError(_secret_error(f"The URL {secret.partition('://')[0]}://… in the command"))
    return args


def add_stage(parser: argparse.ArgumentParser) -> None:
    """Add the option that every verb has."""
    parser.add_argument("--stage", metavar="prod", help="the stage, if there are several; or set STAGE")


def parse_task(verb: str, description: str, arguments: list[str], *, command: bool = False) -> argparse.Namespace:
    """Parse the command line of a verb that works on a running task."""
    parser = argparse.ArgumentParser(prog=f"./exec {verb}", description=description)
    add_stage(parser)
    parser.add_argument("task", nargs="?", default="", help="its id or the beginning of it, if there are several")
    if command:
        parser.add_argument("command", nargs="*", help="what to run in it, after --; by default the console")
    return parser.parse_args(arguments)


def task_spec(args: argparse.Namespace, *, command: list[str]) -> TaskSpec:
    """What to run in the task; without a command of its own it waits for a session."""
    why = args.why or " ".join(args.command) or "console"
    return TaskSpec(command, why, args.max, args.environment, args.cpu, args.memory)


def duration(text: str) -> int:
    """Seconds, from 90s, 30m, 1h or 2d."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    seconds = int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match else 0
    if not 0 < seconds <= MAX_LIFETIME:
        raise argparse.ArgumentTypeError(f"invalid duration {text!r}; expected up to 7d, as 90s, 30m, 1h or 2d")
    return seconds


def parse_variable(text: str) -> tuple[str, str]:
    """Name and value; raises `UsageError` for what looks like a secret."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UsageError(f"Invalid --env {name!r}; expected NAME=VALUE, such as --env LOG_LEVEL=debug")
    if _SECRET_VALUE.search(value) or (_SECRET_NAME.search(name) and not _SECRET_REFERENCE.match(value)):
        raise UsageError(_secret_error(name))
    return name, value


def _secret_error(what: str) -> str:
    return (
        f"{what} looks like a secret, which everyone who may describe tasks could read. Store it in SSM or Secrets "
        "Manager, and pass its name instead: --env DATABASE_URL_SECRET=/my-app/test/database-url"
    )
