"""`make logs`: what a stage writes, readable on a terminal, JSON in a pipe; it follows until Ctrl-C."""

import argparse
import json
import os
import re
import sys
import time
from datetime import datetime
from typing import Any

from kit.errors import UsageError
from kit.ops import aws_account, retry
from kit.ops.log_tail import PARTS, Line, Lines
from kit.ops.stage import Stage

EVERY = 2.0
"""Seconds between two looks."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PLATFORM = re.compile(r"(INIT_START|START|END|REPORT)\b(?!.*Status:)", re.DOTALL)
"""What Lambda itself writes of each call, unless the call failed."""
COLOURS = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}
SHOWN = {"time", "level", "logger", "message", "exception", "request_id", "job_id"}
"""Fields that have a place in a readable line; the others follow by name."""


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("logs", help="what a stage writes")
    Stage.option(parser)
    parser.add_argument("--what", default="", help=f"of these, with commas between; all without: {', '.join(PARTS)}")
    parser.add_argument("--since", default="10m", help="how far back: 30s, 10m, 2h, 1d, or a time: 2026-01-31T12:00Z")
    parser.add_argument("--grep", default="", help="lines that match this regular expression, in any case")
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    parser.set_defaults(run=run, policy="look")


def run(arguments: argparse.Namespace) -> None:
    """Print the lines."""
    wanted, parts, since = _pattern(arguments.grep), _parts(arguments.what), _moment(arguments.since)
    stage, account = Stage.of(arguments.stage), aws_account.account()
    client = account.session.client("logs", config=retry.PATIENT)
    lines = Lines(client, stage.called, parts, since, lambda text: print(text, file=sys.stderr))
    try:
        while True:
            for line in lines.read():
                if wanted.search(line.text):
                    show(line, sys.stdout.isatty())
            sys.stdout.flush()
            if not arguments.follow:
                return
            time.sleep(EVERY)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:  # the reader has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(line: Line, terminal: bool) -> None:
    """Print one line: for a person, without what machines write for machines; for a machine, as JSON."""
    text = readable(line) if terminal else as_json(line)
    if text:
        print(text)


def as_json(line: Line) -> str:
    """The line as an object, with the part that wrote it; what is no JSON of itself becomes its `message`."""
    told = _object(line.text) or {"time": _time(line).isoformat(timespec="milliseconds"), "message": line.text}
    return json.dumps({"part": line.part} | told, ensure_ascii=False)


def readable(line: Line) -> str:
    """Time, part, level, message, its fields, the ids of request and job; nothing for metrics and calls that went well."""
    told = _object(line.text)
    if told is None:
        return "" if PLATFORM.match(line.text) else _row(line, "", " ".join(line.text.split()))
    if "_aws" in told:
        return ""
    words = [str(told.get("message", "")), *(f"{name}={value}" for name, value in told.items() if name not in SHOWN)]
    words += [f" [{told['request_id'][:8]}]"] if told.get("request_id") else []
    words += [f" [job {told['job_id'][:8]}]"] if told.get("job_id") else []
    return "\n".join([_row(line, str(told.get("level", "")), " ".join(words)), *_indented(told.get("exception", ""))])


def _row(line: Line, level: str, text: str) -> str:
    colour = COLOURS.get(level, 0) if "NO_COLOR" not in os.environ else 0
    shown = f"\033[{colour}m{level:<8}\033[0m" if colour else f"{level:<8}"
    return f"{_time(line):%H:%M:%S} {line.part:<5} {shown} {_harmless(text)}"


def _indented(exception: str) -> list[str]:
    return [f"    {_harmless(row)}" for row in str(exception).splitlines()]


def _harmless(text: str) -> str:
    """Without what would move a terminal's cursor or colour it: visitors write into logs, too."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _object(text: str) -> dict[str, Any] | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _time(line: Line) -> datetime:
    return datetime.fromtimestamp(line.time / 1000).astimezone()


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"GREP={text!r} is no regular expression: {error}.") from None


def _parts(text: str) -> list[str]:
    named = text.replace(",", " ").split()
    if unknown := set(named) - set(PARTS):
        raise UsageError(f"Nothing is called {', '.join(sorted(unknown))}. Take WHAT= of: {', '.join(PARTS)}")
    return named or list(PARTS)


def _moment(text: str) -> int:
    """Milliseconds since 1970 of that long ago, or of that time."""
    if found := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return int((time.time() - int(found[1]) * UNITS[found[2]]) * 1000)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise UsageError(
            f"SINCE={text} cannot be read. Say how long ago, as 30s, 10m, 2h or 1d, or when: 2026-01-31T12:00Z"
        ) from None
