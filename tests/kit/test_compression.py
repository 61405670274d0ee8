"""Compression: what is compressed, by what, and what is left as it is."""

import gzip
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kit.web.compression import SMALLEST, Compressed

PAGE = "".join(f"<p>{number} こんにちは</p>" for number in range(10_000))


def answered(response: Response, accepts: str = "gzip") -> tuple[dict[str, str], bytes]:
    """The headers, and the body's bytes as they were sent."""

    def answer(request: Request) -> Response:
        return response

    visitor = TestClient(Compressed(Starlette(routes=[Route("/", answer)])))
    with visitor.stream("GET", "/", headers={"accept-encoding": accepts}) as got:
        return dict(got.headers), b"".join(got.iter_raw())


@pytest.mark.parametrize("text", [PAGE, PAGE[:SMALLEST]], ids=["long", "just long enough"])
def test_a_whole_answer_is_compressed_and_its_length_told(text: str) -> None:
    headers, body = answered(Response(text, media_type="text/html"))
    assert (headers["content-encoding"], headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(headers["content-length"]) == len(body) < len(text.encode()) / 2
    assert gzip.decompress(body).decode() == text


def test_an_answer_in_parts_is_compressed_part_by_part() -> None:
    async def parts() -> AsyncIterator[str]:
        for start in range(0, len(PAGE), 1000):
            yield PAGE[start : start + 1000]

    headers, body = answered(StreamingResponse(parts(), media_type="text/html"))
    assert headers["content-encoding"] == "gzip"
    assert "content-length" not in headers
    assert gzip.decompress(body).decode() == PAGE


@pytest.mark.parametrize(
    ("response", "accepts"),
    [
        (Response("x" * (SMALLEST - 1)), "gzip"),
        (Response(PAGE), "br, zstd"),
        (Response(PAGE, media_type="image/png"), "gzip"),
        (Response(PAGE, headers={"content-encoding": "br"}), "gzip"),
        (Response(PAGE, status_code=206), "gzip"),
    ],
    ids=["small", "not accepted", "a picture", "compressed already", "a part of something"],
)
def test_what_is_not_worth_it_is_left_as_it_is(response: Response, accepts: str) -> None:
    headers, body = answered(response, accepts)
    assert headers.get("content-encoding", "br") == "br"
    assert body == response.body


def test_a_cache_hears_that_who_takes_no_gzip_gets_another_answer() -> None:
    assert answered(Response(PAGE), "identity")[0]["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepts", ["gzip", "identity"])
def test_a_304_varies_as_the_page_does_for_which_it_stands(accepts: str) -> None:
    headers, body = answered(Response(status_code=304, headers={"vary": "Cookie"}), accepts)
    assert (headers["vary"], body) == ("Cookie, Accept-Encoding", b"")
    assert "vary" not in answered(Response(status_code=204), accepts)[0]
