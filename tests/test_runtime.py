"""The image's own client of Lambda's runtime API, with AWS's runtime emulator at the other end."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import rie

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def function(image: str) -> Iterator[rie.Function]:
    """The image with the handler of probe/handlers.py."""
    file = Path(__file__).parent / "probe" / "handlers.py"
    mounted = ["--volume", f"{file}:/var/task/app/handlers.py:ro", "--env", "AWS_LAMBDA_FUNCTION_TIMEOUT=30"]
    with rie.function(image, handler="app.handlers.answer", options=mounted) as running:
        yield running


@pytest.mark.parametrize("value", [None, [], {"": 0}, 1.5, "こんにちは 👋 \u2028 \0"], ids=ascii)
def test_an_event_arrives_and_its_answer_leaves_as_they_are(function: rie.Function, value: object) -> None:
    assert function.invoke({"echo": value}) == value


def test_a_large_event_arrives_whole(function: rie.Function) -> None:
    text = "".join(chr(0x3042 + number % 80) for number in range(MEGABYTE))
    assert function.invoke({"echo": text}) == text


def test_a_handlers_context_has_what_lambda_says_of_the_invocation(function: rie.Function) -> None:
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


@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [
        ({"fail": "no such thing as 東京"}, "ValueError", "no such thing as 東京"),
        ({"not JSON": True}, "TypeError", "Object of type object is not JSON serializable"),
        ({"half a character": True}, "UnicodeEncodeError", "'utf-8' codec can't encode character '\\ud800'"),
    ],
    ids=["an exception", "an answer that is no JSON", "an answer that is no Unicode"],
)
def test_what_fails_is_told_and_logged_and_ends_nothing(
    function: rie.Function, event: object, kind: str, message: str
) -> None:
    told = function.invoke(event)
    assert told["errorType"] == kind
    assert told["errorMessage"].startswith(message)
    assert f"{kind}: {message}" in function.container.logs()
    assert function.invoke({"echo": "still there"}) == "still there"


def test_an_answer_that_lambda_refuses_is_logged_and_ends_nothing(function: rie.Function) -> None:
    told = function.invoke({"text of length": 7 * MEGABYTE})
    assert told != "x" * 7 * MEGABYTE
    assert "RuntimeApiError: POST /2018-06-01/runtime/invocation/" in function.container.logs()
    assert "x" * 1000 not in function.container.logs()
    assert function.invoke({"echo": "still there"}) == "still there"


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("app.nowhere.answer", "ModuleNotFoundError"),
        ("app.handlers.nothing", "AttributeError"),
        ("answer", "ValueError"),
    ],
)
def test_a_handler_that_is_not_there_is_told(image: str, handler: str, kind: str) -> None:
    file = Path(__file__).parent / "probe" / "handlers.py"
    with rie.function(image, handler=handler, options=["--volume", f"{file}:/var/task/app/handlers.py:ro"]) as started:
        assert started.invoke({})["errorType"] == kind
        assert "the function cannot start" in started.container.logs()
