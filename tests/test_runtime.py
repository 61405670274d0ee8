"""The image's entry point, `kit.aws_lambda.bootstrap`, with AWS's runtime client and AWS's runtime emulator."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import rie

MEGABYTE = 1_000_000
HANDLERS = Path(__file__).parent / "probe" / "handlers.py"
MOUNTED = ["--volume", f"{HANDLERS}:/var/task/app/handlers.py:ro"]


@pytest.fixture(scope="module")
def function(image: str) -> Iterator[rie.Function]:
    """The image with the handler of probe/handlers.py."""
    options = [*MOUNTED, "--env", "AWS_LAMBDA_FUNCTION_TIMEOUT=30"]
    with rie.function(image, handler="app.handlers.answer", options=options) as running:
        yield running


@pytest.mark.parametrize("value", [None, [], {"": 0}, 1.5, "こんにちは 👋 \u2028 \0"], ids=ascii)
def test_events_and_responses_arrive_unchanged(function: rie.Function, value: object) -> None:
    assert function.invoke({"echo": value}) == value


def test_a_large_event_arrives_whole(function: rie.Function) -> None:
    text = "x" * 4 * MEGABYTE
    assert function.invoke({"echo": text}) == text


def test_the_context_describes_the_invocation(function: rie.Function) -> None:
    first, second = (function.invoke({"context": True}) for _ in range(2))
    assert uuid.UUID(first.pop("aws_request_id")) != uuid.UUID(second.pop("aws_request_id"))
    assert 30_000 >= first.pop("before") > first.pop("after") > 20_000
    assert first == {  # the emulator's own
        "function_name": "test_function",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "3008",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:012345678912:function:test_function",
        "log_group_name": "/aws/lambda/Functions",
        "log_stream_name": "$LATEST",
    }


def test_an_exception_is_reported_and_logged_with_its_stack_trace(function: rie.Function) -> None:
    error = function.invoke({"fail": "no such thing as 東京"})
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such thing as 東京")
    assert any("app/handlers.py" in frame and "raise ValueError(message)" in frame for frame in error["stackTrace"])
    logs = function.container.logs()
    assert "ValueError: no such thing as 東京" in logs
    assert "raise ValueError(message)" in logs
    assert function.invoke({"echo": "still there"}) == "still there"


def test_a_response_that_is_not_json_is_reported(function: rie.Function) -> None:
    error = function.invoke({"not JSON": True})
    assert error["errorType"] == "Runtime.MarshalError"
    assert "Object of type object is not JSON serializable" in error["errorMessage"]
    assert function.invoke({"echo": "still there"}) == "still there"


def test_after_a_response_that_is_too_large_the_next_event_is_answered(function: rie.Function) -> None:
    assert function.invoke({"text of length": 7 * MEGABYTE}) != "x" * 7 * MEGABYTE
    assert "x" * 1000 not in function.container.logs()
    assert function.invoke({"echo": "still there"}) == "still there"


@pytest.mark.parametrize(
    ("handler", "error_type"),
    [
        ("app.nowhere.answer", "Runtime.ImportModuleError"),
        ("app.handlers.nothing", "Runtime.HandlerNotFound"),
        ("answer", "Runtime.MalformedHandlerName"),
    ],
)
def test_a_missing_handler_is_reported(image: str, handler: str, error_type: str) -> None:
    with rie.function(image, handler=handler, options=MOUNTED) as function:
        assert function.invoke({})["errorType"] == error_type
        assert error_type in function.container.logs()
