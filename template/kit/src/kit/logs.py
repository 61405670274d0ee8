"""Logging: one JSON line per log record on AWS, a readable line elsewhere.

Each line has the ID of its request and of its job. Extra fields are included:

    logging.getLogger(__name__).info("welcomed", extra={"user_id": 42})
"""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from kit import settings

__all__ = ["MOST", "configure", "cut", "job_id", "request_id"]

MOST = 200
"""Characters of what a client sends that a log line has, such as a path: a client must not decide what the logs cost."""
MOST_OF_A_FIELD, MOST_OF_A_TRACEBACK = 2_000, 4_000
"""Characters, at most, of a message or another field of a record, and of a traceback."""


def cut(text: str, most: int = MOST) -> str:
    """The text, with its middle left out if it is longer than `most` characters."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    return f"{text[:head]}…{text[head + 1 - most :]}"


request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The ID of the current request, which `kit.web` sets. A job has the ID of the request that enqueued it."""

job_id: ContextVar[str | None] = ContextVar("job_id", default=None)
"""The ID of the job that is running, which `kit.jobs` sets."""

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


_shown_elsewhere = False


def leave_handlers() -> None:
    """Let `configure` set levels alone from now on: a test runner such as pytest shows the records itself.

    Removes what `configure` added before, as when a test imports the app at its top.
    """
    global _shown_elsewhere
    _shown_elsewhere = True
    ours = (JsonFormatter, TextFormatter)
    logging.root.handlers[:] = [handler for handler in logging.root.handlers if not isinstance(handler.formatter, ours)]


def configure(stream: TextIO | None = None) -> None:
    """Write the records of all loggers to `stream`, as `LOG_FORMAT` and `LOG_LEVEL` say. May be called repeatedly.

    stream: by default standard error, or nothing after `leave_handlers`.
    """
    config = settings.current()
    if stream or not _shown_elsewhere:
        json_lines = config.log_format == "json" or (config.log_format == "auto" and settings.on_lambda())
        handler = logging.StreamHandler(stream or sys.stderr)
        handler.setFormatter(JsonFormatter() if json_lines else TextFormatter())
        logging.root.handlers[:] = [handler]
    logging.root.setLevel(config.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # uvicorn installs its own handlers
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # kit.web logs requests itself, with their IDs
    for name in ("httpx", "httpx2"):  # they log whole URLs, including the query
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs each step; the commands say what they do


def extras(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields that were passed as `extra=`."""
    return {name: value for name, value in record.__dict__.items() if name not in _PLAIN}


_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, whose fields CloudWatch Logs Insights finds."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": cut(record.getMessage(), MOST_OF_A_FIELD),
        }
        if current := request_id.get():
            line["request_id"] = current
        if current := job_id.get():
            line["job_id"] = current
        for name, value in extras(record).items():
            line[name] = cut(value, MOST_OF_A_FIELD) if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = cut(self.formatException(record.exc_info), MOST_OF_A_TRACEBACK)
        return _encode(line)


_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that control a terminal: line breaks, escape sequences, changes of the writing direction."""


def _escape(text: str) -> str:
    """Escape control characters as in a Python string, so that text from a client cannot forge a log line."""
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


class TextFormatter(logging.Formatter):
    """Formats a record as one line: time, level, message, extra fields, IDs. A traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = f"{time} {record.levelname:<7} {record.getMessage()}"
        for name, value in extras(record).items():
            line += f" {name}={value}"
        if current := request_id.get():
            line += f"  [{current[:8]}]"
        if current := job_id.get():
            line += f"  [job {current[:8]}]"
        line = _escape(line)
        if record.exc_info:
            for traceback_line in self.formatException(record.exc_info).split("\n"):
                line += f"\n  {_escape(traceback_line)}"
        return line
