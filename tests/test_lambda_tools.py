"""Sentry, OpenTelemetry and Powertools on the functions, with AWS's runtime client and runtime emulator.

Sentry and OpenTelemetry are set up by the code of the guides, and report to a server on 127.0.0.1.
"""

import gzip
import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import events
import guides
import rie
from rendering import TEMPLATE

PACKAGES = [
    "aws-lambda-powertools==3.37.0",
    "opentelemetry-exporter-otlp-proto-http==1.45.1",
    "opentelemetry-instrumentation-aws-lambda==0.66b1",
    "opentelemetry-sdk==1.45.1",
    "sentry-sdk==2.75.0",
]
APP = Path(__file__).parent / "probe" / "observed.py"


class Collector(ThreadingHTTPServer):
    """Takes what Sentry and OpenTelemetry report."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events: list[dict[str, Any]] = []
        self.spans: list[bytes] = []
        """Each export, in protobuf, which has texts as they are."""


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            self.server.spans.append(body)
        else:
            lines = [json.loads(line) for line in gzip.decompress(body).splitlines() if line.startswith(b"{")]
            self.server.events += [line for line in lines if "exception" in line]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None: ...


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as server:
        Thread(target=server.serve_forever, args=[0.01]).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Path:
    """A folder with the app of probe/observed.py, and what the guides add to an app."""
    folder = tmp_path_factory.mktemp("observed")
    for name in ("app/__init__.py", "app/settings.py"):
        folder.joinpath(name).parent.mkdir(exist_ok=True)
        folder.joinpath(name).write_text(TEMPLATE.joinpath(name).read_text())
    for page in ("sentry", "tracing"):
        for block in guides.blocks(page):
            if block.title.startswith("app/"):
                guides.write(block, folder / block.title)
    sentry = folder / "app" / "sentry.py"
    address = f"http://public-key@127.0.0.1:{collector.server_port}/1"
    sentry.write_text(sentry.read_text().replace("https://public-key@o1.ingest.sentry.io/1", address))
    folder.joinpath("app", "about.py").write_text('NAME = "observed"\n')
    folder.joinpath("app", "jobs.py").write_text("")
    folder.joinpath("app", "web.py").write_text(APP.read_text())
    return folder


@pytest.fixture(scope="module")
def variables(folder: Path, collector: Collector) -> dict[str, str]:
    """The environment of the functions."""
    path = [str(rie.installed(*PACKAGES)), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(path),
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "APP_STAGE": "test",
        "NO_PROXY": "127.0.0.1",
        "TRACING_URL": f"http://127.0.0.1:{collector.server_port}",
        "TRACING_HEADERS": "x-key=of-tests",
    }


@pytest.fixture(scope="module")
def function(folder: Path, variables: dict[str, str]) -> Iterator[rie.Process]:
    """The app's web function."""
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
    function: rie.Process, collector: Collector
) -> None:
    assert function.invoke(events.http(path="/fail"))["statusCode"] == 500
    event = next(event for event in collector.events if exception(event)["type"] == "RuntimeError")
    frame = exception(event)["stacktrace"]["frames"][-1]
    assert frame["abs_path"].endswith("/app/web.py")
    assert frame["context_line"].strip() == 'raise RuntimeError("the inside of the app")'
    assert event["extra"]["lambda"]["function_name"] == "test_function"
    assert event["environment"] == "test"


def test_sentrys_lambda_integration_reports_what_the_handler_raises(
    function: rie.Process, collector: Collector
) -> None:
    error = function.invoke({"not": "a request"})
    assert error["errorType"] == "UnknownEvent"
    assert error["stackTrace"]
    event = next(event for event in collector.events if exception(event)["type"] == "UnknownEvent")
    assert exception(event)["mechanism"] == {"type": "aws_lambda", "handled": False}
    assert "_scope" in [frame["function"] for frame in exception(event)["stacktrace"]["frames"]]


def test_opentelemetry_exports_a_span_of_each_invocation(function: rie.Process, collector: Collector) -> None:
    assert function.invoke(events.http(path="/hello"))["body"] == "hello nobody"
    span = collector.spans[-1]
    assert b"http.status_code" in span
    request_id = function.logs().rpartition("START RequestId: ")[2].partition(" ")[0]
    assert request_id.encode() in span


def test_the_jobs_function_reports_too(folder: Path, variables: dict[str, str], collector: Collector) -> None:
    with rie.process(folder, "kit.aws_lambda.jobs.handler", folder / "jobs.log", **variables) as jobs:
        jobs.invoke({"not": "a message"})
        request_id = jobs.logs().rpartition("START RequestId: ")[2].partition(" ")[0]
    event = next(event for event in collector.events if "jobs' function" in exception(event)["value"])
    assert exception(event)["mechanism"] == {"type": "aws_lambda", "handled": False}
    assert request_id.encode() in collector.spans[-1]


def test_powertools_log_lines_have_the_functions_context(function: rie.Process, folder: Path) -> None:
    function.invoke(events.http(path="/hello", query="name=powertools"))
    (line,) = (line for line in lines(folder / "log") if line.get("message") == "hello powertools")
    assert (line["service"], line["function_name"]) == ("observed", "test_function")
    assert f"START RequestId: {line['function_request_id']}" in function.logs()
