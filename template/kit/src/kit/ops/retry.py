"""Asking AWS again: what may pass (throttling, a broken connection, AWS's own failures) and what will not."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.parsers import ResponseParserError

from kit.errors import UsageError
from kit.ops.aws_account import reason

T = TypeVar("T")

PATIENT = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
"""For what may be asked twice: reading, and what carries a token that makes a repeat the same request."""
ONCE = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1})
"""For what begins something each time that it is asked."""
EVERY = 0.5
"""Seconds between two questions."""
SETTLED = 60.0
"""Seconds in which what is to be done must have got its answer."""


def passes(error: BaseException | None) -> bool:
    """Whether asking again may help."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = error.response.get("Error", {}).get("Code", "")
        return status >= 500 or status == 429 or bool(re.search("Throttl|RequestLimit|TooManyRequests", code))
    return isinstance(error, ConnectionError | HTTPClientError | ResponseParserError)


def until(ask: Callable[[], T], end: float, say: Callable[[str], None] = lambda _: None) -> T:
    """Ask until there is an answer; what passes is waited for until `end` (of `time.monotonic()`), and told.

    Raises `UsageError` for what does not pass, and when the time is over.
    """
    while True:
        try:
            return ask()
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            if not passes(error) or time.monotonic() > end:
                raise UsageError(sentence(error)) from error
            say(f"AWS cannot be asked right now, asking again ({type(error).__name__})")
            time.sleep(EVERY)


@contextmanager
def explained(policy: str = "exec") -> Iterator[None]:
    """Turn an error of AWS's into a `UsageError`, with what to do about it; `policy` is the one that allows the call."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise UsageError(sentence(error, policy=policy)) from error


def sentence(error: Exception, *, policy: str = "exec") -> str:
    """What was refused, and what to do about it; `policy` is the one that allows it."""
    if not isinstance(error, ClientError):
        return f"AWS cannot be reached: {error}"
    told: dict[str, Any] = error.response.get("Error", {})
    if "AccessDenied" in told.get("Code", "") or "UnauthorizedOperation" in told.get("Code", ""):
        missing = re.search(r"not authorized to perform: (\S+)", told.get("Message", ""))
        action = missing[1] if missing else f"what {error.operation_name} needs"
        return (
            f"Your role may not do this; {action} is missing: {reason(error)}\n"
            f"Have what this prints attached to it: make policy FOR={policy}"
        )
    if "ExpiredToken" in told.get("Code", ""):
        return f"Your AWS login has expired: {reason(error)} Log in again."
    return f"AWS refused {error.operation_name}: {reason(error)}"
