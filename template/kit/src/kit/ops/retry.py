"""Retry policy for AWS calls: which errors are transient, how long to retry them, and how to report the others."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.parsers import ResponseParserError

from kit.errors import UsageError
from kit.ops.aws_account import format_client_error

T = TypeVar("T")

RETRY = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
"""For reads, and for writes that are idempotent."""
NO_RETRY = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1})
"""For requests that start something each time they are sent."""
POLL_SECONDS = 0.5
REQUEST_SECONDS = 60.0
"""How long a single request is retried."""


def is_retryable(error: BaseException | None) -> bool:
    """Whether the same request may succeed later: throttling, a broken connection, an error on AWS's side."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = error.response.get("Error", {}).get("Code", "")
        return status >= 500 or status == 429 or bool(re.search("Throttl|RequestLimit|TooManyRequests", code))
    return isinstance(error, ConnectionError | HTTPClientError | ResponseParserError)


def retry_until(call: Callable[[], T], deadline: float, report: Callable[[str], None] = lambda _: None) -> T:
    """Call a function, again and again while it fails with a transient error.

    Args:
        call: makes the request.
        deadline: when to give up, on the clock of `time.monotonic()`.
        report: is given a message before each retry.

    Raises `UsageError` for any other error of AWS's, and for a transient one after the deadline.
    """
    while True:
        try:
            return call()
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            if not is_retryable(error) or time.monotonic() > deadline:
                raise UsageError(format_error(error)) from error
            report(f"AWS is not reachable right now ({type(error).__name__}), retrying")
            time.sleep(POLL_SECONDS)


@contextmanager
def explain_errors(policy: str = "exec") -> Iterator[None]:
    """Turn errors of boto3's into a `UsageError` that says what to do; `policy` is the one that permits the calls."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise UsageError(format_error(error, policy=policy)) from error


def format_error(error: Exception, *, policy: str = "exec") -> str:
    """What failed and what to do about it; `policy` (of infra/policies) is the one that permits the call."""
    if not isinstance(error, ClientError):
        return f"Can't reach AWS: {error}"
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), details.get("Message", "")
    if "AccessDenied" in code or "UnauthorizedOperation" in code:
        denied = re.search(r"not authorized to perform: (\S+)", message)
        action = denied[1] if denied else f"the permission for {error.operation_name}"
        return (
            f"Access denied: your role lacks {action}: {format_client_error(error)}\n"
            f"Attach the policy that this prints: make policy FOR={policy}"
        )
    if "ExpiredToken" in code:
        return f"Your AWS login has expired: {format_client_error(error)} Log in again."
    return f"AWS rejected {error.operation_name}: {format_client_error(error)}"
