"""Calls to AWS without boto3: signed as botocore signs, repeated only when that is safe."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from kit import aws

ascii_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    st.binary(max_size=200),
    ascii_text,
    ascii_text,
    st.none() | ascii_text,
    st.sampled_from([("POST", "/"), ("POST", "/schedules/a-1"), ("PATCH", "/v2/apis/a1b2/stages/%24default")]),
)
def test_a_signature_is_the_one_that_botocore_makes(
    body: bytes, key: str, secret: str, token: str | None, target: tuple[str, str]
) -> None:
    method, path = target
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage"}
    moment = datetime.now(UTC).replace(microsecond=0)
    host = "sqs.eu-central-1.amazonaws.com"
    credentials = aws.Credentials(key, secret, token)
    ours = aws.sign("eu-central-1/sqs", path, host, headers, body, credentials, moment, method=method)
    request = AWSRequest(method, f"https://{host}{path}", headers=headers, data=body)
    signer = SigV4Auth(BotoCredentials(key, secret, token), "sqs", "eu-central-1")
    request.context["timestamp"] = ours["x-amz-date"]
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["authorization"].rpartition("=")[2] == signer.signature(text, request)


class Answers:
    """A server that gives these answers in turn."""

    def __init__(self) -> None:
        self.planned: list[tuple[int, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.clients: list[Any] = []


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    made = Answers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.asked.append(json.loads(body))
            made.clients.append(self.client_address)
            status, content = made.planned.pop(0)
            if status == 0:
                self.close_connection = True
                return
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr(aws, "sleep", lambda _: None)
    yield made
    aws.close()
    server.shutdown()
    server.server_close()


def test_a_transient_error_of_aws_is_retried(answers: Answers) -> None:
    answers.planned = [(500, {}), (400, {"__type": "com.amazonaws#ThrottlingException"}), (200, {"done": True})]
    assert aws.call("sqs", "SendMessage", {"a": 1}) == {"done": True}
    assert answers.asked == [{"a": 1}] * 3


def test_a_connection_that_was_closed_meanwhile_is_replaced(answers: Answers) -> None:
    answers.planned = [(200, {}), (0, None), (200, {"done": True})]
    aws.call("sqs", "SendMessage", {})
    assert aws.call("sqs", "SendMessage", {}) == {"done": True}


def test_threads_share_a_connection(answers: Answers) -> None:
    answers.planned = [(200, {})] * 3
    for _ in range(3):
        thread = Thread(target=aws.call, args=("sqs", "SendMessage", {}))
        thread.start()
        thread.join()
    assert len(answers.clients) == 3
    assert len(set(answers.clients)) == 1


def test_parallel_calls_do_not_share_a_connection(answers: Answers) -> None:
    answers.planned = [(200, {"call": number}) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: aws.call("sqs", "SendMessage", {}), range(40)))
    assert sorted(response["call"] for response in responses) == list(range(40))


def test_a_rejected_request_is_not_repeated(answers: Answers) -> None:
    answers.planned = [(400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"})]
    with pytest.raises(aws.AwsError, match=r"SendMessage was refused: QueueDoesNotExist \(400\) no such queue"):
        aws.call("sqs", "SendMessage", {})
    assert len(answers.asked) == 1


def test_a_lasting_failure_is_raised_after_three_attempts(answers: Answers) -> None:
    answers.planned = [(503, None)] * 3
    with pytest.raises(aws.AwsError):
        aws.call("ecs", "RunTask", {})
    assert len(answers.asked) == 3
