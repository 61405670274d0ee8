"""`make logs`: a stage's logs, formatted on a terminal, JSON in a pipe; with --follow until Ctrl-C."""

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
from kit.ops.log_tail import PARTS, Line, LogTail
from kit.ops.stage import Stage, add_command

POLL_SECONDS = 2.0
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PLATFORM = re.compile(r"(INIT_START|START|END|REPORT)\b(?!.*Status:)", re.DOTALL)
"""What Lambda itself logs about each invocation, except about failed ones."""
COLOURS = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}
PLACED = {"time", "level", "logger", "message", "exception", "request_id", "job_id"}
"""Fields with a place in a formatted line; others follow as name=value."""


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = add_command(commands, "logs", "Show a stage's logs.", run, policy="look")
    parser.add_argument("--what", default="", help=f"comma-separated parts, default: {','.join(PARTS)}")
    parser.add_argument("--since", default="10m", help="an age such as 30s, 10m, 2h, 1d, or a time: 2026-01-31T12:00Z")
    parser.add_argument("--grep", default="", help="only lines that match this regular expression, ignoring case")
    parser.add_argument("--follow", action="store_true", help="keep going until Ctrl-C")


def run(arguments: argparse.Namespace) -> None:
    """Print the lines."""
    pattern, parts, since = _pattern(arguments.grep), _parts(arguments.what), _milliseconds(arguments.since)
    stage, account = Stage.of(arguments.stage), aws_account.account()
    client = account.session.client("logs", config=retry.RETRY)
    tail = LogTail(client, stage.resource_prefix, parts, since, lambda text: print(text, file=sys.stderr))
    try:
        while True:
            for line in tail.read():
                if pattern.search(line.text):
                    show(line, sys.stdout.isatty())
            sys.stdout.flush()
            if not arguments.follow:
                return
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:  # the reader has closed the pipe, like `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(line: Line, terminal: bool) -> None:
    """Print a line, formatted for a terminal or as JSON."""
    if text := formatted(line) if terminal else as_json(line):
        print(text)


def as_json(line: Line) -> str:
    """The line as a JSON object with its part; text that isn't one becomes the `message`."""
    record = _object(line.text) or {"time": _time(line).isoformat(timespec="milliseconds"), "message": line.text}
    return json.dumps({"part": line.part} | record, ensure_ascii=False)


def formatted(line: Line) -> str:
    """Time, part, level, message, fields, and the ids of request and job; empty for metrics and Lambda's own lines."""
    record = _object(line.text)
    if record is None:
        return "" if PLATFORM.match(line.text) else _row(line, "", " ".join(line.text.split()))
    if "_aws" in record:
        return ""
    fields = [f"{name}={value}" for name, value in record.items() if name not in PLACED]
    words = [str(record.get("message", "")), *fields]
    words += [f" [{record['request_id'][:8]}]"] if record.get("request_id") else []
    words += [f" [job {record['job_id'][:8]}]"] if record.get("job_id") else []
    traceback = [f"    {_escaped(row)}" for row in str(record.get("exception", "")).splitlines()]
    return "\n".join([_row(line, str(record.get("level", "")), " ".join(words)), *traceback])


def _row(line: Line, level: str, text: str) -> str:
    colour = COLOURS.get(level, 0) if "NO_COLOR" not in os.environ else 0
    label = f"\033[{colour}m{level:<8}\033[0m" if colour else f"{level:<8}"
    return f"{_time(line):%H:%M:%S} {line.part:<5} {label} {_escaped(text)}"


def _escaped(text: str) -> str:
    """Without terminal control sequences, as logs contain text from clients."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _time(line: Line) -> datetime:
    return datetime.fromtimestamp(line.time / 1000).astimezone()


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"Invalid regular expression GREP={text!r}: {error}.") from None


def _parts(text: str) -> list[str]:
    parts = text.replace(",", " ").split()
    if unknown := set(parts) - set(PARTS):
        raise UsageError(f"Unknown part in WHAT=: {', '.join(sorted(unknown))}; use {', '.join(PARTS)}")
    return parts or list(PARTS)


def _milliseconds(text: str) -> int:
    """Milliseconds since 1970, from an age or a time."""
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return int((time.time() - int(match[1]) * UNITS[match[2]]) * 1000)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise UsageError(
            f"Invalid SINCE={text}; use an age such as 30s, 10m, 2h or 1d, or a time such as 2026-01-31T12:00Z"
        ) from None
