"""Handlers for what no web app does: each tries one thing between Lambda and a function."""

import time
from typing import Any

from kit.aws_lambda.runtime import Context


def answer(event: Any, context: Context) -> Any:
    """Do as the event says."""
    match event:
        case {"echo": value}:
            return value
        case {"fail": message}:
            raise ValueError(message)
        case {"not JSON": _}:
            return object()
        case {"half a character": _}:
            return "\ud800"
        case {"text of length": length}:
            return "x" * length
        case {"context": _}:
            before = context.get_remaining_time_in_millis()
            time.sleep(0.05)
            after = context.get_remaining_time_in_millis()
            names = (
                "aws_request_id",
                "function_name",
                "function_version",
                "memory_limit_in_mb",
                "invoked_function_arn",
            )
            told = {name: getattr(context, name) for name in (*names, "log_group_name", "log_stream_name")}
            return told | {"before": before, "after": after}
