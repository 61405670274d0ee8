"""What can be said on the command line of `./exec`."""

import argparse
import re

from kit.errors import UsageError
from kit.ops.ecs_task import Wanted

USAGE = """\
./exec [options] [COMMAND …]           a session in a fresh task; without a command the Python console
       ./exec [options] --run -- COMMAND …    a command as the task's own: its output, and its exit code
       ./exec ps                              what still runs
       ./exec follow [TASK]                   its output, and its exit code
       ./exec attach [TASK] [-- COMMAND …]    enter what still runs
       ./exec stop [TASK]                     end what still runs"""

EXAMPLES = """\
examples:
  ./exec                                      the console: app, models and a database session are there
  ./exec bash                                 a shell
  ./exec python -m kit jobs failed            any command, with the terminal attached
  ./exec --run -- python -m kit migrate       unattended; ends with the command's exit code
  ./exec --run --detach --max 6h -- COMMAND   begins it, and says how to follow

A secret has no place on a command line: everyone who may look at the task reads it there. Put it into SSM or
Secrets Manager, and read it in the app as DATABASE_URL is read."""

CONSOLE = ["python", "-m", "kit", "console"]
"""The command of a session without one."""
LONGEST = 7 * 24 * 3600
"""Seconds that a task may be given."""
_SECRET_NAME = re.compile(
    r"(SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"[\w+]+://[^/\s:@]*:[^/\s@]+@")
_NAMES_A_SECRET = re.compile(r"/|arn:")


def read(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; raises `UsageError` for what does not go together."""
    parser = argparse.ArgumentParser(
        prog="./exec",
        usage=USAGE,
        description="One-off work in a task of the deployed image. The task always ends: with the session, the "
        "command, Ctrl-C or a closed terminal, and by itself when its time is over.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stage(parser)
    parser.add_argument("--run", action="store_true", help="run the command unattended, and end with its exit code")
    parser.add_argument("--detach", action="store_true", help="with --run: leave it running, and say how to follow")
    parser.add_argument("--max", type=duration, default=3600, metavar="1h", help="its lifetime: 90s, 30m, 1h, 2d")
    parser.add_argument("--why", default="", help="what for: a tag of the task, and in its log")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="add to its environment")
    parser.add_argument("--cpu", type=int, metavar="1024", help="CPU units; 1024 are one vCPU")
    parser.add_argument("--memory", type=int, metavar="2048", help="MiB")
    parser.add_argument("--local", action="store_true", help="on this machine: in the image, or without Docker here")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    told = parser.parse_args(arguments)
    told.command = without_dashes(told.command)
    told.environment = dict(variable(one) for one in told.env)
    if told.run and not told.command:
        raise UsageError("--run needs a command: ./exec --run -- python -m kit jobs list")
    if told.detach and not told.run:
        raise UsageError("--detach goes with --run: a session lasts as long as its terminal.")
    if told.detach and told.local:
        raise UsageError("--detach is for the cloud. On this machine, end the command with &.")
    if secret := next((one for one in told.command if _SECRET_VALUE.search(one)), None):
        raise UsageError(_refusal(f"The URL {secret.partition('://')[0]}://… in the command"))
    return told


def stage(parser: argparse.ArgumentParser) -> None:
    """Add the option that every verb has."""
    parser.add_argument("--stage", metavar="prod", help="which one, where there are several; or STAGE")


def of_a_task(verb: str, does: str, arguments: list[str], *, command: bool = False) -> argparse.Namespace:
    """Read the command line of what is done to a task that runs."""
    parser = argparse.ArgumentParser(prog=f"./exec {verb}", description=does)
    stage(parser)
    parser.add_argument("task", nargs="?", default="", help="its id, or the beginning of it; needless when one runs")
    if command:
        parser.add_argument("command", nargs="*", help="what to run in it, behind --; otherwise the console")
    return parser.parse_args(arguments)


def wanted(told: argparse.Namespace, *, command: list[str]) -> Wanted:
    """What a task is started for; without a command of its own it waits for a session."""
    why = told.why or " ".join(told.command) or "console"
    return Wanted(command, why, told.max, told.environment, told.cpu, told.memory)


def without_dashes(command: list[str]) -> list[str]:
    """The command, without the `--` before it."""
    return command[1:] if command[:1] == ["--"] else command


def duration(text: str) -> int:
    """Seconds, from 90s, 30m, 1h or 2d."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]] if found else 0
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no time up to 7d; write it as 90s, 30m, 1h or 2d")
    return seconds


def variable(text: str) -> tuple[str, str]:
    """Name and value; raises `UsageError` for what looks like a secret."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UsageError(f"--env takes NAME=VALUE, such as --env LOG_LEVEL=debug; {name!r} is not that.")
    if _SECRET_VALUE.search(value) or (_SECRET_NAME.search(name) and not _NAMES_A_SECRET.match(value)):
        raise UsageError(_refusal(name))
    return name, value


def _refusal(what: str) -> str:
    return (
        f"{what} looks like a secret, and everyone who may look at tasks would read it. Put it into SSM or Secrets "
        "Manager, and give its name instead: --env DATABASE_URL_SECRET=/my-app/test/database-url"
    )
