"""A handler that does what its event says, for what lies between Lambda and a function."""

import time
from typing import Any

CONTEXT = [
    "aws_request_id",
    "function_name",
    "function_version",
    "memory_limit_in_mb",
    "invoked_function_arn",
    "log_group_name",
    "log_stream_name",
]


def answer(event: Any, context: Any) -> Any:
    """Do as the event says."""
    match event:
        case {"echo": value}:
            return value
        case {"fail": message}:
            raise ValueError(message)
        case {"not JSON": _}:
            return object()
        case {"text of length": length}:
            return "x" * length
        case {"context": _}:
            before = context.get_remaining_time_in_millis()
            time.sleep(0.05)
            after = context.get_remaining_time_in_millis()
            return {name: getattr(context, name) for name in CONTEXT} | {"before": before, "after": after}
