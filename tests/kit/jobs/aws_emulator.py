"""The AWS that the tests of jobs talk to: SQS by its own rules (`sqs_rules`), the Scheduler, and moto for the rest.

What moto grants and AWS would not is refused on the way to it: a `clientToken` of ECS that another call has used. A
schedule that is due sends its message, as the Scheduler would, which moto never does. The clock is the kit's, so that
`frozen_clock` moves both.
"""

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any

import sqs_rules

import waiting
from kit import clock

TOKEN_KEPT = 24 * 3600  # seconds; Amazon ECS API Reference, "Ensuring idempotency"
UNIVERSAL = "scheduler:::aws-sdk:sqs:sendMessage"  # EventBridge Scheduler User Guide, "Using universal targets"

Answer = tuple[int, dict[str, str], bytes]


class Emulator:
    """The rules; `serve` puts them on a port."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.sqs = sqs_rules.Sqs(clock.now)
        self.tokens: dict[tuple[str, str], tuple[float, str, Answer]] = {}
        self.schedule_groups = {"default", "app"}
        self.schedules: dict[str, dict[str, Any]] = {}
        self.undelivered: list[str] = []
        """Why schedules that were due could not send."""
        self._moto: subprocess.Popen[bytes] | None = None

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one request."""
        target = headers.get("x-amz-target", "")
        with self.lock:
            if target.startswith("AmazonSQS."):
                return self._sqs(target.partition(".")[2], json.loads(body))
            if target.endswith(".RunTask"):
                payload = json.loads(body)
                token = payload.get("clientToken")
                if token and not re.fullmatch(r"[!-~]{1,64}", token):  # ECS API Reference, "Ensuring idempotency"
                    return _error(400, "InvalidParameterException", "The clientToken is invalid.")
                scope = f"ecs {payload.get('cluster')}"  # …: within one cluster
                return self._once(scope, token, body, lambda: self._forward(method, path, headers, body))
            if method == "POST" and path.startswith("/schedules/"):
                return self._create_schedule(path.removeprefix("/schedules/"), body)
        return self._forward(method, path, headers, body)

    def _sqs(self, operation: str, payload: dict[str, Any]) -> Answer:
        self._send_due()
        try:
            return 200, {}, json.dumps(self.sqs.call(operation, payload)).encode()
        except sqs_rules.SqsError as error:
            status, headers, body = _error(400, f"com.amazonaws.sqs#{error.code}", error.message)
            return status, headers | {"x-amzn-query-error": f"{error.code};Sender"}, body

    def _once(self, scope: str, token: str | None, body: bytes, call: Any) -> Answer:
        """Do a call once for each token: repeated, it has the same answer; with other parameters, it is refused.

        Only a call that succeeded is remembered. Source: Amazon ECS API Reference, "Ensuring idempotency".
        """
        now = clock.now().timestamp()
        parameters = json.dumps(json.loads(body), sort_keys=True)
        if token and (scope, token) in self.tokens:
            since, before, answer = self.tokens[scope, token]
            if now - since < TOKEN_KEPT:
                if before == parameters:
                    return answer
                return _error(400, "ConflictException", "The provided clientToken is already in use.")
        answer = call()
        if token and answer[0] < 300 and not json.loads(answer[2] or b"{}").get("failures"):
            self.tokens[scope, token] = (now, parameters, answer)
        return answer

    def _create_schedule(self, name: str, body: bytes) -> Answer:
        payload = json.loads(body)
        token = payload.get("ClientToken")
        # EventBridge Scheduler API Reference, CreateSchedule: patterns, lengths, the form of the expression
        if not re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", name) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", token):
            return _error(400, "ValidationException", "The name or the token is invalid.")
        if not re.fullmatch(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)", payload["ScheduleExpression"]):
            return _error(400, "ValidationException", "Invalid Schedule Expression.")
        if payload["GroupName"] not in self.schedule_groups:
            return _error(404, "ResourceNotFoundException", f"Schedule group {payload['GroupName']} does not exist.")
        if len(payload["Target"]["Input"].encode()) > 256 * 1024:
            return _error(400, "ValidationException", "The input is too long.")

        def create() -> Answer:
            if name in self.schedules:
                return _error(409, "ConflictException", f"Schedule {name} already exists.")
            self.schedules[name] = payload
            arn = f"arn:aws:scheduler:eu-central-1:123456789012:schedule/{payload['GroupName']}/{name}"
            return 200, {}, json.dumps({"ScheduleArn": arn}).encode()

        return self._once("scheduler", token, body, create)

    def _send_due(self) -> None:
        due = {name: moment(payload["ScheduleExpression"]) for name, payload in self.schedules.items()}
        for name in sorted(due, key=lambda name: due[name]):
            payload = self.schedules[name]
            if due[name] <= clock.now():
                del self.schedules[name]
                try:
                    self._send_scheduled(payload["Target"], due[name].timestamp())
                except sqs_rules.SqsError as error:
                    self.undelivered.append(str(error))

    def _send_scheduled(self, target: dict[str, Any], at: float) -> None:
        if target["Arn"].endswith(UNIVERSAL):
            request = json.loads(target["Input"])
            self.sqs.queues[request["QueueUrl"].rpartition("/")[2]].send(request, at)
            return
        queue = self.sqs.queues[target["Arn"].rpartition(":")[2]]
        if (
            queue.fifo and queue.attributes.get("ContentBasedDeduplication") != "true"
        ):  # its API reference, SqsParameters
            raise sqs_rules.SqsError("InvalidParameterValue", "the queue must have content-based deduplication enabled")
        queue.send({"MessageBody": target["Input"]} | target.get("SqsParameters", {}), at)

    @cached_property
    def _moto_port(self) -> int:
        port = waiting.free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._moto = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        waiting.until(lambda: waiting.listens(port), what="moto")
        return port

    def _forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._moto_port, timeout=60)
        try:
            kept = {name: value for name, value in headers.items() if name not in ("connection", "content-length")}
            connection.request(method, path, body, kept)
            response = connection.getresponse()
            content = response.read()
            return response.status, {"content-type": response.getheader("content-type") or ""}, content
        finally:
            connection.close()

    def close(self) -> None:
        if self._moto:
            self._moto.terminate()
            self._moto.wait()


def moment(expression: str) -> datetime:
    """When `at(…)` is, in UTC."""
    return datetime.fromisoformat(expression.removeprefix("at(").removesuffix(")")).replace(tzinfo=UTC)


def _error(status: int, code: str, message: str) -> Answer:
    return status, {"x-amzn-errortype": code}, json.dumps({"__type": code, "message": message}).encode()


@contextmanager
def serve() -> Iterator[Emulator]:
    """An emulator whose `sqs.address` is that of a server on this machine."""
    emulator = Emulator()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answered, content = emulator.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in (answered | {"content-length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    emulator.sqs.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield emulator
    finally:
        server.shutdown()
        server.server_close()
        emulator.close()
