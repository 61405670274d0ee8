"""A fake AWS for one-off tasks: ECS, CloudWatch Logs, Lambda and STS, following their API references.

A server on 127.0.0.1 that boto3 talks to. A task is run by its `backend`: a real container
of a real image, or nothing but a record. Faults are put in at each operation: refused, dropped before or after it
was done. It keeps what was asked, and every task that was ever started.
"""

import base64
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs

ACCOUNT, REGION, CLUSTER = "123456789012", "eu-central-1", "my-app-prod"
WHO = f"arn:aws:sts::{ACCOUNT}:assumed-role/developer/ada@example.com"
PATIENCE = 0.2
"""The read timeout of clients in this process, in seconds."""
TAG = re.compile(r"[\w\s.:/=+\-@]{0,256}")
STARTED_BY = re.compile(r"[\w\-/]{1,36}")


class TaskBackend(Protocol):
    """Where a task runs."""

    def start(self, task: "Task") -> None: ...
    def running(self, task: "Task") -> bool: ...
    def exit_code(self, task: "Task") -> int | None: ...
    def lines(self, task: "Task") -> list[str]: ...
    def stop(self, task: "Task") -> None: ...
    def remove(self) -> None: ...


class Refused(Exception):
    """An error response of AWS's."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


class Dropped(Exception):
    """The connection breaks before the response."""


@dataclass
class Task:
    """A task."""

    arn: str
    request: dict[str, Any]
    created: float = field(default_factory=time.time)
    begun: float = field(default_factory=time.monotonic)
    stopped: dict[str, str] = field(default_factory=dict)
    error: str = ""
    described: int = 0
    """How often it was described alone since tasks that are as old are listed."""
    begun_or_failed: threading.Event = field(default_factory=threading.Event)
    runtime: str = field(default_factory=lambda: f"{uuid.uuid4().hex}-{uuid.uuid4().int % 10**10}")

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def override(self) -> dict[str, Any]:
        one: dict[str, Any] = self.request["overrides"]["containerOverrides"][0]
        return one

    @property
    def environment(self) -> dict[str, str]:
        return {one["name"]: one["value"] for one in self.override.get("environment", [])}


class Cloud:
    """The fake AWS. `agent` is the number of seconds until the exec agent runs; None for never."""

    def __init__(self, backend: TaskBackend, *, stages: tuple[str, ...] = ("prod",), image: str = "none") -> None:
        self.backend, self.stages, self.image = backend, stages, image
        self.tasks: dict[str, Task] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[Callable[[str, int], Exception | None]] = []
        self.drops: list[Callable[[str, int], bool]] = []
        self.agent: float | None = 0.0
        self.agent_status = "RUNNING"
        self.failures: list[dict[str, str]] = []
        """What RunTask returns instead of a task."""
        self.opened: list[str] = []
        """The opened sessions."""
        self.unseen = 0.0
        """Seconds until DescribeTasks knows a new task."""
        self.unlisted = 0.0
        """Seconds until ListTasks does."""
        self.lock = threading.RLock()

    # What the tests ask

    def count(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.requests)

    def alive(self) -> list[Task]:
        """The running and the starting tasks."""
        tasks = list(self.tasks.values())
        return [task for task in tasks if not task.begun_or_failed.is_set() or self.backend.running(task)]

    # What AWS answers

    def answer(self, operation: str, request: dict[str, Any]) -> Any:
        with self.lock:
            self.requests.append((operation, request))
            number = self.count(operation)
        for fault in self.faults:
            if error := fault(operation, number):
                raise error
        with self.lock:
            answer = getattr(self, operation)(request)
        if any(drop(operation, number) for drop in self.drops):
            raise Dropped
        return answer

    def GetFunctionConfiguration(self, request: dict[str, Any]) -> dict[str, Any]:
        stage = request["name"].removeprefix("my-app-").removesuffix("-jobs")
        if stage not in self.stages:
            raise Refused("ResourceNotFoundException", f"Function not found: {request['name']}", 404)
        return {"Environment": {"Variables": {"JOBS_TASK_DEFINITION": f"my-app-{stage}"}}}

    def DescribeTaskDefinition(self, request: dict[str, Any]) -> dict[str, Any]:
        family = request["taskDefinition"]
        environment = {
            "JOBS_CLUSTER": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{family}",
            "JOBS_SUBNETS": "subnet-1,subnet-2",
            "JOBS_SECURITY_GROUPS": "sg-1",
        }
        container = {
            "name": "app",
            "image": self.image,
            "entryPoint": ["env"],
            "environment": [{"name": name, "value": value} for name, value in environment.items()],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": f"/{family}/tasks"}},
        }
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:7"
        return {"taskDefinition": {"taskDefinitionArn": arn, "family": family, "containerDefinitions": [container]}}

    def GetCallerIdentity(self, _: dict[str, Any]) -> str:
        identity = f"<Arn>{WHO}</Arn><UserId>A</UserId><Account>{ACCOUNT}</Account>"
        result = f"<GetCallerIdentityResult>{identity}</GetCallerIdentityResult>"
        return f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"

    def ListTaskDefinitionFamilies(self, request: dict[str, Any]) -> dict[str, Any]:
        families = [f"my-app-{stage}" for stage in self.stages]
        return {"families": [one for one in families if one.startswith(request["familyPrefix"])]}

    def RunTask(self, request: dict[str, Any]) -> dict[str, Any]:
        for one in request.get("tags", []):
            if not TAG.fullmatch(one["value"]):
                raise Refused("InvalidParameterException", "Tag value contains invalid characters")
        if not STARTED_BY.fullmatch(request.get("startedBy", "")) or len(request["clientToken"]) > 64:
            raise Refused("InvalidParameterException", "startedBy or clientToken is not valid")
        if len(json.dumps(request["overrides"])) > 8192:
            raise Refused("InvalidParameterException", "Container Overrides length must be at most 8192")
        for task in self.tasks.values():
            if task.request["clientToken"] == request["clientToken"]:
                if task.request != request:
                    raise Refused("ConflictException", "The clientToken was used with other parameters")
                return {"tasks": [self.describe(task)], "failures": []}
        if self.failures:
            return {"tasks": [], "failures": self.failures}
        task = Task(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{CLUSTER}/{uuid.uuid4().hex}", request)
        self.tasks[task.arn] = task
        threading.Thread(target=self._start, args=[task], daemon=True).start()
        return {"tasks": [self.describe(task)], "failures": []}

    def _start(self, task: Task) -> None:
        try:
            self.backend.start(task)
        except RuntimeError as error:
            task.error = str(error)
        finally:
            task.begun_or_failed.set()

    def _stop(self, task: Task) -> None:
        """Stop a task, even one that is still starting, as ECS does."""
        task.begun_or_failed.wait()
        self.backend.stop(task)

    def describe(self, task: Task) -> dict[str, Any]:
        code, running = self.backend.exit_code(task), self.backend.running(task)
        alive = "RUNNING" if running else "PROVISIONING"
        status = "STOPPED" if task.error or code is not None else alive
        ready = self.agent is not None and running and time.monotonic() - task.begun > self.agent
        agent = {"name": "ExecuteCommandAgent", "lastStatus": self.agent_status if ready else "PENDING"}
        container: dict[str, Any] = {"name": "app", "runtimeId": task.runtime, "lastStatus": status}
        container["managedAgents"] = [agent]
        if code is not None:
            container["exitCode"] = code
        description = {
            "taskArn": task.arn,
            "clusterArn": task.request["cluster"],
            "lastStatus": status,
            "desiredStatus": "STOPPED" if task.stopped or status == "STOPPED" else "RUNNING",
            "containers": [container],
            "overrides": task.request["overrides"],
            "startedBy": task.request["startedBy"],
            "tags": task.request.get("tags", []),
            "createdAt": task.created,
            "enableExecuteCommand": task.request["enableExecuteCommand"],
        }
        if status == "STOPPED":
            reason = {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited"}
            failed = {"stopCode": "TaskFailedToStart", "stoppedReason": task.error}
            description |= task.stopped or (failed if task.error else reason)
        return description

    def DescribeTasks(self, request: dict[str, Any]) -> dict[str, Any]:
        known = {name: task for task in self.tasks.values() for name in (task.arn, task.id)}
        seen = {name: task for name, task in known.items() if time.monotonic() - task.begun >= self.unseen}
        tasks = [seen[name] for name in request["tasks"] if name in seen]
        failures = [{"arn": name, "reason": "MISSING"} for name in request["tasks"] if name not in seen]
        for name in request["tasks"]:
            if len(request["tasks"]) == 1 and name in known:
                known[name].described += time.monotonic() - known[name].begun >= self.unlisted
        return {"tasks": [self.describe(task) for task in tasks], "failures": failures}

    def ListTasks(self, request: dict[str, Any]) -> dict[str, Any]:
        started_by = request.get("startedBy")
        descriptions = [
            self.describe(task)
            for task in list(self.tasks.values())
            if task.request["cluster"] == request["cluster"] and time.monotonic() - task.begun >= self.unlisted
        ]
        running = [one for one in descriptions if one["desiredStatus"] == request.get("desiredStatus", "RUNNING")]
        return {"taskArns": [one["taskArn"] for one in running if started_by in (None, one["startedBy"])]}

    def StopTask(self, request: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks.get(request["task"])
        if task is None:
            raise Refused("InvalidParameterException", "The referenced task was not found.")
        if not task.stopped:
            task.stopped = {"stopCode": "UserInitiated", "stoppedReason": request.get("reason", "")}
            threading.Thread(target=self._stop, args=[task], daemon=True).start()
        return {"task": self.describe(task)}

    def ExecuteCommand(self, request: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks[request["task"]]
        if self.describe(task)["containers"][0]["managedAgents"][0]["lastStatus"] != "RUNNING":
            raise Refused("TargetNotConnectedException", "The execute command agent isn't running.")
        session = {"container": task.id, "command": request["command"], "runtime": task.runtime}
        token = base64.b64encode(json.dumps(session).encode()).decode()
        self.opened.append(task.id)
        answer = {"sessionId": f"ecs-execute-command-{uuid.uuid4().hex[:17]}", "streamUrl": "wss://127.0.0.1/"}
        return {"taskArn": task.arn, "interactive": True, "session": answer | {"tokenValue": token}}

    def GetLogEvents(self, request: dict[str, Any]) -> dict[str, Any]:
        task = next((one for one in self.tasks.values() if request["logStreamName"] == f"task/app/{one.id}"), None)
        lines = self.backend.lines(task) if task else []
        if not lines:
            raise Refused("ResourceNotFoundException", "The specified log stream does not exist.")
        begin = int(request.get("nextToken", "f/0")[2:])
        page = lines[begin : begin + 1000]
        events = [{"timestamp": 0, "message": line, "ingestionTime": 0} for line in page]
        return {"events": events, "nextForwardToken": f"f/{begin + len(page)}", "nextBackwardToken": "b/0"}


@contextmanager
def serving(cloud: Cloud) -> Iterator[dict[str, str]]:
    """Serve it; yields the environment that points boto3 to it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if target := self.headers.get("X-Amz-Target"):
                return self.give(target.rpartition(".")[2], json.loads(body))
            [action] = parse_qs(body.decode())["Action"]
            self.give(action, {})

        def do_GET(self) -> None:
            match = re.fullmatch(
                r"/2015-03-31/functions/([\w-]+)/configuration\?Qualifier=(?:live|%24LATEST)", self.path
            )
            assert match, self.path
            self.give("GetFunctionConfiguration", {"name": match[1]})

        def give(self, operation: str, request: dict[str, Any]) -> None:
            try:
                answer = cloud.answer(operation, request)
            except Dropped:
                self.close_connection = True
                return
            except Refused as error:
                status, headers = error.status, {"x-amzn-errortype": error.code}
                text = json.dumps({"__type": error.code, "message": error.message})
            else:
                status, headers = 200, {}
                text = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Don't log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
