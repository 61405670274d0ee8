"""Logs: a line of JSON for each happening, or a readable line where a person watches a terminal.

Every line carries the id of the request it belongs to. Extra fields ride along:

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

__all__ = ["configure", "job_id", "request_id"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request being answered; `kit.web` sets it, and a job has that of the request that enqueued it."""

job_id: ContextVar[str | None] = ContextVar("job_id", default=None)
"""The id of the job being run; `kit.jobs` sets it."""

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


def configure(stream: TextIO = sys.stderr) -> None:
    """Send every logger's lines through one handler to `stream`; safe to call again."""
    wanted = settings.current()
    text = wanted.log_format == "text" or (wanted.log_format == "auto" and stream.isatty())
    _find_out_no_more_than_is_told()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if text else JsonFormatter())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(wanted.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # uvicorn brings handlers of its own
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # kit.web writes this line, with the request's id
    for name in ("httpx", "httpx2"):  # they write the whole URL of what the app requests, and so its query
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # it announces each of its parts


def _find_out_no_more_than_is_told() -> None:
    """Save what each line would take to look for its place in the code, its thread, process and task.

    Source: docs.python.org/3/howto/logging.html, "Optimization".
    """
    logging._srcfile = None
    for name in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, name, False)


def extras(record: logging.LogRecord) -> dict[str, object]:
    """The fields given with `extra=`."""
    return {name: value for name, value in record.__dict__.items() if name not in _PLAIN}


_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class JsonFormatter(logging.Formatter):
    """One JSON object a line, as CloudWatch Logs Insights reads it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        if current := job_id.get():
            line["job_id"] = current
        line |= extras(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys instead of showing it: line breaks, escape sequences, changes of the writing direction."""


def _shown(text: str) -> str:
    """Escape control characters as Python writes them, so that what a client sent cannot forge a line."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class TextFormatter(logging.Formatter):
    """One line: time, level, message, fields, the request's id. A traceback is indented below it."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = f"{time} {record.levelname:<7} {record.getMessage()}"
        for name, value in extras(record).items():
            line += f" {name}={value}"
        if current := request_id.get():
            line += f"  [{current[:8]}]"
        if current := job_id.get():
            line += f"  [job {current[:8]}]"
        line = _shown(line)
        if record.exc_info:
            for traceback_line in self.formatException(record.exc_info).split("\n"):
                line += f"\n  {_shown(traceback_line)}"
        return line
