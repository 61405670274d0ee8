"""Record the IAM actions of what is called in AWS: a proxy before a local AWS notes each request's action.

Requests are recognized by botocore's own service descriptions. What they need in IAM is their name, except for those
in `NAMED_OTHERWISE`.
"""

import http.client
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.loaders import Loader

RECORDED = Path(__file__).with_name("recorded_calls.json")

NAMED_OTHERWISE = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
    "budgets:DescribeSubscribersForNotification": "budgets:ViewBudget",
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
}
"""Operations whose IAM action has another name. Source: the Service Authorization Reference."""

MODELS = {"apigateway": ["apigatewayv2"], "monitoring": ["cloudwatch"]}
"""The descriptions of a service that signs requests with another name."""
PREFIX = {"monitoring": "cloudwatch"}


def recorded() -> dict[str, list[str]]:
    """What is recorded: of each life, the actions, each with the stack or the object in S3 that it was about."""
    calls: dict[str, list[str]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return calls


@contextmanager
def life(name: str, port: int) -> Iterator[dict[str, str]]:
    """With RECORD_CALLS set, replace what is recorded of a stage's life; yield the variables that commands need for it."""
    if not os.environ.get("RECORD_CALLS"):
        yield {}
        return
    calls: set[str] = set()
    with proxy(port, calls.add) as url:
        yield {"AWS_ENDPOINT_URL": url}
    all_calls = recorded() | {name: sorted(calls)}
    RECORDED.write_text(json.dumps(all_calls, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def action(method: str, url: str, headers: dict[str, str], body: bytes) -> str:
    """The IAM action of a request; raises `LookupError` for one that no description has."""
    credential = re.search(r"Credential=[^/]+/\d+/[^/]+/([\w-]+)/", headers.get("authorization", ""))
    if not credential:
        return ""
    service = credential[1]
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query, keep_blank_values=True)
    if service == "apigateway":
        return f"apigateway:{method}"
    if target := headers.get("x-amz-target"):
        operation = target.rpartition(".")[2]
    elif found := re.fullmatch(r"/service/\w+/operation/(\w+)", path):
        operation = found[1]
    elif named := parse_qs(body.decode("latin-1")).get("Action") or query.get("Action"):
        operation = named[0]
    else:
        operation = _by_path(service, method, path, {name.lower() for name in query} | headers.keys())
    called = f"{PREFIX.get(service, service)}:{operation}"
    return NAMED_OTHERWISE.get(called, called)


def subject(called: str, url: str, body: bytes) -> str:
    """The stack, or the bucket and key, of a request: the tools' own, whose names no service description has."""
    service = called.partition(":")[0]
    if service == "s3":
        return re.sub("[0-9a-f]{32,64}", "<hash>", re.sub(r"(samclisourcebucket-)[\w-]+", r"\1<id>", _path(url)))
    if service == "cloudformation":
        stack = parse_qs(body.decode("latin-1")).get("StackName", [""])[0]
        return stack.split("/")[1] if stack.startswith("arn:") else stack
    return ""


def _path(url: str) -> str:
    return unquote(urlsplit(url).path).strip("/")


def _by_path(service: str, method: str, path: str, sent: set[str]) -> str:
    """The operation with this path that requires the most of the names of parameters and headers that are sent."""
    fits = [
        (len(required), len(template), name)
        for name, verb, template, required in _operations(service)
        if verb == method and required <= sent and re.fullmatch(_pattern(template), path)
    ]
    if not fits:
        raise LookupError(f"{service} has no {method} {path} {sorted(sent)}")
    return max(fits)[2]


@cache
def _operations(service: str) -> list[tuple[str, str, str, set[str]]]:
    found = []
    for model in MODELS.get(service, [service]):
        description = Loader().load_service_model(model, "service-2")
        for name, operation in description["operations"].items():
            address = urlsplit(operation["http"]["requestUri"])
            shape = description["shapes"][operation["input"]["shape"]] if "input" in operation else {}
            members = [shape["members"][member] for member in shape.get("required", [])]
            required = {
                one["locationName"].lower() for one in members if one.get("location") in {"querystring", "header"}
            }
            required |= {flag.lower() for flag in parse_qs(address.query, keep_blank_values=True)}
            found.append((name, operation["http"]["method"], address.path, required))
    return found


def _pattern(template: str) -> str:
    return re.sub(r"\{\w+(\+?)\}", lambda word: ".+" if word[1] else "[^/]+", template.rstrip("/")) + "/?"


@contextmanager
def proxy(port: int, note: Callable[[str], None]) -> Iterator[str]:
    """Run a proxy before a local AWS at a port of 127.0.0.1; yield its URL. Each action is passed to `note`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self._forward()

        def _forward(self) -> None:
            body = self._body()
            headers = {name.lower(): value for name, value in self.headers.items()}
            if called := action(self.command, self.path, headers, body):
                note(" ".join(filter(None, [called, subject(called, self.path, body)])))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
            headers.pop("transfer-encoding", None)
            headers.pop("expect", None)
            connection.request(self.command, self.path, body, headers | {"content-length": str(len(body))})
            response = connection.getresponse()
            content = response.read()
            self.send_response_only(response.status, response.reason)
            for name, value in response.getheaders():
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                    self.send_header(name, value)
            # A response to HEAD has the length of what GET would return.
            length = response.getheader("content-length") if self.command == "HEAD" else None
            self.send_header("content-length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("transfer-encoding", "").lower():
                return self.rfile.read(int(self.headers.get("content-length", "0")))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
