"""An app whose pages each try one thing between Lambda and an ASGI app that the generated app has no page for."""

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import anyio.from_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from kit import web


async def echo(request: Request) -> Response:
    """Return the request."""
    body = await request.body()
    return JSONResponse(
        {
            "path": request.url.path,
            "query": request.query_params.multi_items(),
            "cookies": request.cookies,
            "body": body.hex(),
            "client": request.client.host if request.client else None,
            "scheme": request.url.scheme,
        }
    )


def cookies(request: Request) -> Response:
    """Set two cookies."""
    response = PlainTextResponse("set")
    response.set_cookie("first", "1", httponly=True)
    response.set_cookie("second", "2; 二".encode().hex())
    return response


def every_byte(request: Request) -> Response:
    """Return bytes that are not text."""
    return Response(bytes(range(256)), media_type="application/octet-stream")


def fail(request: Request) -> Response:
    """Raise an exception."""
    raise RuntimeError("the inside of the app")


def exit_(request: Request) -> Response:
    """Raise SystemExit."""
    sys.exit(3)


async def cancelled(request: Request) -> Response:
    """Raise CancelledError."""
    raise asyncio.CancelledError


def header(request: Request) -> Response:
    """Put what the client sent into a header."""
    return Response(headers={"x-text": request.query_params["text"]})


async def half(request: Request) -> Response:
    """Fail in the middle of a streamed response."""

    async def parts() -> AsyncIterator[str]:
        yield "half"
        raise RuntimeError("the inside of the app")

    return StreamingResponse(parts())


async def timeout(request: Request) -> Response:
    """Put a timeout around a blocking call."""
    released = threading.Event()
    try:
        await asyncio.wait_for(run_in_threadpool(released.wait, 10), 0.05)
    except TimeoutError:
        released.set()
        return PlainTextResponse("timed out")
    return PlainTextResponse("no timeout")


async def parallel(request: Request) -> Response:
    """Make four blocking calls, each of which waits for the other three."""
    barrier = threading.Barrier(4, timeout=10)
    await asyncio.gather(*(run_in_threadpool(barrier.wait) for _ in range(4)))
    return PlainTextResponse("in parallel")


def from_thread(request: Request) -> Response:
    """Await something on the app's event loop from a sync endpoint."""
    return PlainTextResponse(anyio.from_thread.run(asyncio.sleep, 0, "awaited"))


def own_loop(request: Request) -> Response:
    """Run an event loop of its own in a sync endpoint, as Django does."""
    return PlainTextResponse(asyncio.run(asyncio.sleep(0, "slept")))


starts = count(1)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, int]]:
    """Set a state for all requests."""
    yield {"start": next(starts)}


def start(request: Request) -> Response:
    """Return the number of the startup whose state this is."""
    return PlainTextResponse(str(request.state.start))


def started(request: Request) -> Response:
    """Return the state of the garbage collector, and which loader has loaded the modules."""
    loader = type(sys.modules["starlette.routing"].__spec__.loader).__module__  # type: ignore[union-attr]
    return JSONResponse({"collects": gc.isenabled(), "frozen": gc.get_freeze_count() > 10_000, "loader": loader})


app = web.wrap(
    Starlette(
        lifespan=lifespan,
        routes=[
            Route("/echo/{rest:path}", echo, methods=["GET", "POST"]),
            Route("/cookies", cookies),
            Route("/bytes", every_byte),
            Route("/fail", fail),
            Route("/exit", exit_),
            Route("/cancelled", cancelled),
            Route("/header", header),
            Route("/half", half),
            Route("/start", start),
            Route("/started", started),
            Route("/timeout", timeout),
            Route("/parallel", parallel),
            Route("/from-thread", from_thread),
            Route("/own-loop", own_loop),
        ],
    )
)
