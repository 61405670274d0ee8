"""How PlanetScale is called: with a service token over HTTP, or through pscale; and what goes wrong on the way."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kit.errors import UsageError
from kit.planetscale import client, transport
from kit.planetscale.client import ApiError, Client, NotFound, Unsure
from planetscale_http import pscale, serve
from planetscale_model import TOKEN, Delays, Fault
from planetscale_scene import COLUMN, PROJECT, Scene
from planetscale_server import PlanetScale

unix = pytest.mark.skipif(os.name == "nt", reason="the stand-in for pscale is a script with a first line")


def http(base: str) -> transport.Http:
    return transport.Http(*TOKEN.split(":"), base=base)


@pytest.mark.parametrize("fault", [Fault(0), Fault(200, short=True), Fault(429), Fault(503)], ids=str)
def test_a_change_is_deployed_over_http_whatever_happens_to_one_answer(fault: Fault) -> None:
    scene = Scene()
    scene.planetscale.faults[9] = fault
    with serve(scene.planetscale) as base:
        scene.run(transport=http(base))
    assert scene.planetscale.live(COLUMN)


@unix
def test_pscale_does_as_well_as_a_service_token(tmp_path: Path) -> None:
    delays = Delays(branch=0, validation=0, check=0, submitting=0, running=0, cutover=0)
    scene = Scene(PlanetScale(delays=delays))
    scene.planetscale.faults[3] = Fault(429)
    with serve(scene.planetscale) as base:
        scene.run(transport=transport.Pscale(str(pscale(tmp_path, base))))
    assert scene.planetscale.live(COLUMN)


def test_a_wrong_token_is_named() -> None:
    scene = Scene()
    with serve(scene.planetscale) as base, pytest.raises(ApiError, match=r"401 .* The service token is wrong"):
        scene.run(transport=transport.Http("id", "wrong", base=base))


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes) -> Iterator[tuple[str, list[Any]]]:
    """A server with one answer; gives its address, and the headers of the requests that it gets."""
    requests: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_the_token_never_follows_a_redirect(status: int) -> None:
    with (
        answering(200, {}, b"{}") as (elsewhere, requests),
        answering(status, {"location": f"{elsewhere}/v1/x"}, b"") as (base, _),
        pytest.raises(ApiError, match=f"answered {status} .* It redirects, which is not followed"),
    ):
        Client(PROJECT, http(base)).get()
    assert requests == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-length": "100"}, b'{"name": "my-app"'),
        ({"transfer-encoding": "chunked"}, b"5\r\n{"),
        ({}, b'{"name": '),
    ],
    ids=["shorter than its length", "in the middle of a chunk", "not JSON"],
)
def test_an_answer_that_is_cut_off_is_no_answer(headers: dict[str, str], body: bytes) -> None:
    with answering(200, headers, body) as (base, requests):
        assert http(base)("GET", "x", None).status == 0
        slept: list[float] = []
        with pytest.raises(Unsure, match="answered nothing to GET organizations/my-org/databases/my-app: "):
            Client(PROJECT, http(base), sleep=slept.append).get()
    assert len(requests) == 1 + client.ATTEMPTS
    assert len(slept) == client.ATTEMPTS - 1
    assert 60 < sum(slept) < 200, "longer than the minute that a rate limit counts over"
    assert max(slept) <= 60


def test_an_error_whose_body_is_cut_off_keeps_its_status() -> None:
    with answering(422, {"content-length": "100"}, b'{"message"') as (base, _):
        response = http(base)("GET", "x", None)
    assert response.status == 422


@pytest.mark.parametrize(("status", "counts_as"), [(200, 0), (299, 0), (300, 300), (404, 404), (502, 502)])
def test_only_a_success_needs_a_body_that_can_be_read(status: int, counts_as: int) -> None:
    assert transport.parsed(status, b"<html>").status == counts_as
    assert transport.parsed(status, b" ") == transport.Response(status, {})


def test_an_error_that_is_not_json_is_shown() -> None:
    with answering(404, {}, b"<h1>Gone fishing</h1>") as (base, _), pytest.raises(NotFound, match="Gone fishing"):
        Client(PROJECT, http(base)).get()


def test_an_error_without_a_message_or_in_another_shape_is_shown() -> None:
    for body, words in ((b"{}", r"\(no reason\)"), (b'["too", "long"]', r"\['too', 'long'\]"), (b'"no"', "x: no$")):
        with answering(422, {}, body) as (base, _), pytest.raises(ApiError, match=words) as refused:
            Client(PROJECT, http(base)).get("x")
        assert refused.value.status == 422


def test_a_request_has_the_token_and_says_what_it_sends_and_takes() -> None:
    with answering(200, {}, b"{}") as (base, requests):
        http(base)("GET", "x", None)
        http(base)("POST", "x", {"name": "y"})
    assert [one["authorization"] for one in requests] == [TOKEN, TOKEN]
    assert [one["accept"] for one in requests] == ["application/json", "application/json"]
    assert requests[1]["content-type"] == "application/json"
    assert requests[1]["content-length"] == "13"


def test_nobody_at_the_address_is_no_answer() -> None:
    with answering(200, {}, b"") as (base, _):
        pass
    assert http(base)("GET", "x", None).status == 0


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("600", 60.0)])
def test_retry_after_is_followed_for_at_most_a_minute(header: str, seconds: float | None) -> None:
    slept: list[float] = []
    with answering(429, {"retry-after": header}, b"{}") as (base, _), pytest.raises(ApiError, match="answered 429"):
        Client(PROJECT, http(base), sleep=slept.append).post("branches", name="x")
    assert len(slept) == client.ATTEMPTS - 1
    assert seconds is None or set(slept) == {seconds}


def test_a_post_is_never_repeated_when_it_may_have_been_carried_out() -> None:
    with answering(500, {}, b"{}") as (base, requests), pytest.raises(Unsure):
        Client(PROJECT, http(base), sleep=lambda _: None).post("branches", name="x")
    assert len(requests) == 1


def test_names_are_encoded_in_paths() -> None:
    planetscale = PlanetScale()
    client = Client(PROJECT, planetscale.transport)
    with pytest.raises(NotFound):
        client.get("branches/{}", "main?x=/../y")
    assert planetscale.seen == ["GET /v1/organizations/my-org/databases/my-app/branches/main%3Fx%3D%2F..%2Fy"]


def program(folder: Path, lines: str) -> str:
    """A pscale that does this."""
    file = folder / "pscale"
    file.write_text(f"#!{sys.executable}\nimport sys\n{lines}\n")
    file.chmod(0o755)
    return str(file)


@unix
def test_a_pscale_without_a_login_is_not_tried_again(tmp_path: Path) -> None:
    slept: list[float] = []
    path = program(tmp_path, "sys.exit(\"Error: not authenticated yet. Please run 'pscale auth login'\")")
    with pytest.raises(UsageError, match=r"(?s)not authenticated yet.*pscale auth check"):
        Client(PROJECT, transport.Pscale(path), sleep=slept.append).get()
    assert slept == []


@unix
@pytest.mark.parametrize("words", ["sending HTTP request: dial tcp: timeout", "reading HTTP response body: EOF"])
def test_a_pscale_without_a_network_is_tried_again(tmp_path: Path, words: str) -> None:
    slept: list[float] = []
    with pytest.raises(Unsure, match=r"dial tcp: timeout|EOF"):
        Client(PROJECT, transport.Pscale(program(tmp_path, f"sys.exit('Error: {words}')")), sleep=slept.append).get()
    assert len(slept) == client.ATTEMPTS - 1


@unix
def test_pscale_gets_path_query_and_body_as_it_wants_them(tmp_path: Path) -> None:
    path = program(tmp_path, "import json; print(json.dumps({'words': sys.argv[1:], 'body': sys.stdin.read()}))")
    call = transport.Pscale(path)
    assert call("GET", "a/b%20c?page=1&q=x%26y", None).body["words"] == [
        "api", "--method", "GET", "a/b c", "--query", "page=1", "--query", "q=x&y",
    ]  # fmt: skip
    posted = call("POST", "a", {"name": "x"}).body
    assert posted == {"words": ["api", "--method", "POST", "a", "--input", "-"], "body": '{"name": "x"}'}


@unix
def test_what_pscale_reports_is_read_from_its_two_outputs(tmp_path: Path) -> None:
    lines = "print('{\"message\": \"wait\"}'); sys.exit('Error: HTTP 422 Unprocessable Entity')"
    assert transport.Pscale(program(tmp_path, lines))("GET", "a", None) == transport.Response(422, {"message": "wait"})


def test_neither_token_nor_pscale_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PLANETSCALE_SERVICE_TOKEN", "PLANETSCALE_TOKEN_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="PLANETSCALE_SERVICE_TOKEN_ID"):
        transport.choose()


@unix
def test_a_token_goes_before_pscale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PLANETSCALE_SERVICE_TOKEN", raising=False)
    monkeypatch.delenv("PLANETSCALE_TOKEN_SECRET", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLANETSCALE_SERVICE_TOKEN_ID", "id")
    chosen = program(tmp_path, "")
    assert isinstance(transport.choose(), transport.Pscale)
    monkeypatch.setenv("PLANETSCALE_SERVICE_TOKEN", "text")
    assert isinstance(token := transport.choose(), transport.Http)
    assert token.authorization == "id:text"
    assert chosen
