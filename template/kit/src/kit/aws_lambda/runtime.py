"""Lambda's runtime API: take an event, hand it to the handler, send its answer back, and so on for good.

    runtime.run("kit.aws_lambda.web.handler")

AWS's own client for Python does the same through libcurl, in which a bare handler spends a fifth of each request and a
third of its start. What it has besides is for functions without logs of their own.
Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NoReturn

log = logging.getLogger(__name__)

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class RuntimeApiError(RuntimeError):
    """Lambda did not take or give what it was asked for; the message has its answer."""


class Context:
    """What Lambda tells of an invocation besides its event, named as AWS names it.

    Source: docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
    log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")

    def __init__(self, headers: dict[str, str]) -> None:
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self._deadline = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        return max(self._deadline - int(time.time() * 1000), 0)


class Api:
    """The connection to the runtime API, which stays open for as long as the environment lives."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._socket = socket.create_connection((host, int(port or 80)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        self._host = address

    def get(self, path: str) -> tuple[dict[str, str], bytes]:
        """Ask for something, however long that takes; raises `RuntimeApiError`."""
        return self._ask(f"GET /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())

    def post(self, path: str, body: bytes, more: str = "") -> None:
        """Send something, with more lines of headers; raises `RuntimeApiError`."""
        head = f"POST /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n"
        self._ask(f"{head}{more}\r\n".encode() + body)

    def _ask(self, request: bytes) -> tuple[dict[str, str], bytes]:
        self._socket.sendall(request)
        status = self._answers.readline().decode("latin-1")
        headers = {}
        while line := self._answers.readline().rstrip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self._answers.read(int(headers.get("content-length", 0)))
        if not status.startswith("HTTP/1.1 20"):
            asked = request.split(b"\r\n", 1)[0].decode()
            raise RuntimeApiError(
                f"{asked}: {status.strip() or 'the connection was closed'} {body[:500].decode(errors='replace')}"
            )
        return headers, body

    def _chunks(self) -> Iterator[bytes]:
        while length := int(self._answers.readline(), 16):
            yield self._answers.read(length)
            self._answers.readline()
        self._answers.readline()


def run(name: str) -> NoReturn:
    """Import the handler `package.module.function`, and serve it; ends the process when it cannot be imported."""
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        module, _, function = name.rpartition(".")
        handler = getattr(import_module(module), function)
    except Exception as error:
        log.exception("the function cannot start")
        _report(api, "init/error", error)
        sys.exit(1)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        api.get("restore/next")
    while True:
        _serve(api, handler)


def _serve(api: Api, handler: Callable[[Any, Context], Any]) -> None:
    """Take one event and answer it; an answer that Lambda refuses, as one that is too large, is only logged."""
    headers, event = api.get("invocation/next")
    context = Context(headers)
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
    try:
        answer = _encode(handler(json.loads(event), context)).encode()
    except Exception as error:
        log.exception("the invocation failed", extra={"request_id": context.aws_request_id})
        _report(api, f"invocation/{context.aws_request_id}/error", error)
        return
    try:
        api.post(f"invocation/{context.aws_request_id}/response", answer)
    except RuntimeApiError:
        log.exception("the answer was refused", extra={"request_id": context.aws_request_id, "bytes": len(answer)})


def _report(api: Api, path: str, error: Exception) -> None:
    kind = type(error).__name__
    told = {"errorMessage": str(error), "errorType": kind, "stackTrace": []}
    api.post(path, json.dumps(told).encode(), f"Lambda-Runtime-Function-Error-Type: {kind}\r\n")
