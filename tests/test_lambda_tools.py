"""Sentry, OpenTelemetry and Powertools on the web function, with AWS's runtime client and runtime emulator."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import events
import rie

PACKAGES = [
    "aws-lambda-powertools==3.37.0",
    "opentelemetry-instrumentation-aws-lambda==0.66b1",
    "opentelemetry-sdk==1.45.1",
    "sentry-sdk==2.75.0",
]
APP = Path(__file__).parent / "probe" / "observed.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the app of probe/observed.py, which writes there what its tools export."""
    folder = tmp_path_factory.mktemp("observed")
    folder.joinpath("app").mkdir()
    folder.joinpath("app", "web.py").write_text(APP.read_text())
    return folder


@pytest.fixture(scope="module")
def function(folder: Path) -> Iterator[rie.Process]:
    """The app's web function."""
    path = [str(rie.installed(*PACKAGES)), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {
        "PYTHONPATH": os.pathsep.join(path),
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "OUTPUT": str(folder),
    }
    with rie.process(folder, "kit.aws_lambda.web.handler", folder / "log", **variables) as running:
        yield running


def lines(file: Path) -> list[dict[str, Any]]:
    """Parse a file of JSON lines, among which other lines may be."""
    return [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]


def exception(event: dict[str, Any]) -> dict[str, Any]:
    """Return the exception of a Sentry event."""
    innermost: dict[str, Any] = event["exception"]["values"][-1]
    return innermost


def test_sentry_gets_an_exception_in_the_app_with_its_stack_trace_and_lambdas_context(
    function: rie.Process, folder: Path
) -> None:
    assert function.invoke(events.http(path="/fail"))["statusCode"] == 500
    event = next(event for event in lines(folder / "events") if exception(event)["type"] == "RuntimeError")
    frame = exception(event)["stacktrace"]["frames"][-1]
    assert frame["abs_path"].endswith("/app/web.py")
    assert frame["context_line"].strip() == 'raise RuntimeError("the inside of the app")'
    assert event["extra"]["lambda"]["function_name"] == "test_function"


def test_sentrys_lambda_integration_reports_what_the_handler_raises(function: rie.Process, folder: Path) -> None:
    error = function.invoke({"not": "a request"})
    assert error["errorType"] == "UnknownEvent"
    assert error["stackTrace"]
    event = next(event for event in lines(folder / "events") if exception(event)["type"] == "UnknownEvent")
    assert exception(event)["mechanism"] == {"type": "aws_lambda", "handled": False}
    assert "_scope" in [frame["function"] for frame in exception(event)["stacktrace"]["frames"]]


def test_opentelemetry_exports_a_span_of_each_invocation(function: rie.Process, folder: Path) -> None:
    assert function.invoke(events.http(path="/hello"))["body"] == "hello nobody"
    span = lines(folder / "spans")[-1]
    assert (span["kind"], span["status"]["status_code"]) == ("SpanKind.SERVER", "UNSET")
    assert span["attributes"]["http.status_code"] == 200
    assert span["attributes"]["faas.invocation_id"] in function.logs()


def test_powertools_log_lines_have_the_functions_context(function: rie.Process, folder: Path) -> None:
    function.invoke(events.http(path="/hello", query="name=powertools"))
    (line,) = (line for line in lines(folder / "log") if line.get("message") == "hello powertools")
    assert (line["service"], line["function_name"]) == ("observed", "test_function")
    assert f"START RequestId: {line['function_request_id']}" in function.logs()
