"""Which responses are compressed, for whom, and what caches are told."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from kit.web.compression import MIN_BYTES, Compression

PAGE = "".join(f"<p>{number} こんにちは</p>" for number in range(10_000))


def compress(response: Response, accepts: str = "gzip") -> tuple[dict[str, str], bytes]:
    """Return the headers, and the body as it was sent."""

    def endpoint(request: Request) -> Response:
        return response

    client = TestClient(Compression(Starlette(routes=[Route("/", endpoint)])))
    with client.stream("GET", "/", headers={"accept-encoding": accepts}) as received:
        return dict(received.headers), b"".join(received.iter_raw())


@pytest.mark.parametrize("accepts", ["gzip", "gzip;q=0.1", "br;q=0, gzip", "gzip ; q=1.0"])
@pytest.mark.parametrize("text", [PAGE, PAGE[:MIN_BYTES]], ids=["long", "just long enough"])
def test_a_response_is_compressed_and_has_its_new_length(text: str, accepts: str) -> None:
    headers, body = compress(Response(text, media_type="text/html"), accepts)
    assert (headers["content-encoding"], headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(headers["content-length"]) == len(body) < len(text.encode()) / 2
    assert gzip.decompress(body).decode() == text


def test_a_streamed_response_is_compressed() -> None:
    async def parts() -> AsyncIterator[str]:
        for start in range(0, len(PAGE), 1000):
            yield PAGE[start : start + 1000]

    headers, body = compress(StreamingResponse(parts(), media_type="text/html"))
    assert headers["content-encoding"] == "gzip"
    assert "content-length" not in headers
    assert gzip.decompress(body).decode() == PAGE


def test_each_part_of_a_stream_is_sent_at_once() -> None:
    """What was sent so far can be decompressed up to the last part."""
    received: list[str] = []
    decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)

    async def parts() -> AsyncIterator[str]:
        for part in ("one", "two", "three"):
            yield part
            assert received[-1] == part

    async def send(message: Message) -> None:
        if body := message.get("body"):
            received.append(decompressor.decompress(body).decode())

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", b"gzip")]}
    asyncio.run(Compression(StreamingResponse(parts()))(scope, receive, send))
    assert received[:3] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("response", "accepts"),
    [
        (Response("x" * (MIN_BYTES - 1)), "gzip"),
        (Response(PAGE), "br, zstd"),
        (Response(PAGE), "gzip;q=0"),
        (Response(PAGE), "br, GZIP ; q=0.000, deflate"),
        (Response(PAGE, media_type="image/png"), "gzip"),
        (Response(PAGE, headers={"content-encoding": "br"}), "gzip"),
        (Response(PAGE, status_code=206), "gzip"),
    ],
    ids=[
        "small",
        "not accepted",
        "refused",
        "refused among others",
        "a picture",
        "compressed already",
        "partial content",
    ],
)
def test_other_responses_are_not_compressed(response: Response, accepts: str) -> None:
    headers, body = compress(response, accepts)
    assert headers.get("content-encoding", "br") == "br"
    assert body == response.body


@pytest.mark.parametrize("accepts", ["identity", "gzip;q=0"])
def test_an_uncompressed_response_varies_too(accepts: str) -> None:
    assert compress(Response(PAGE), accepts)[0]["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepts", ["gzip", "identity"])
def test_a_304_varies_as_the_full_response_does(accepts: str) -> None:
    headers, body = compress(Response(status_code=304, headers={"vary": "Cookie"}), accepts)
    assert (headers["vary"], body) == ("Cookie, Accept-Encoding", b"")
    assert "vary" not in compress(Response(status_code=204), accepts)[0]
