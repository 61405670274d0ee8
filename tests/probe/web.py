"""What the wall has no address for: each answer tries one thing between Lambda and an ASGI app."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from kit import web


async def echo(request: Request) -> Response:
    """Say what arrived."""
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
    """Set several cookies at once."""
    answer = PlainTextResponse("set")
    answer.set_cookie("first", "1", httponly=True)
    answer.set_cookie("second", "2; 二".encode().hex())
    return answer


def every_byte(request: Request) -> Response:
    """Answer with bytes that are no text."""
    return Response(bytes(range(256)), media_type="application/octet-stream")


def fail(request: Request) -> Response:
    """Fail as a bug does."""
    raise RuntimeError("the inside of the app")


def exit_(request: Request) -> Response:
    """End the process, as far as the view knows."""
    sys.exit(3)


async def cancelled(request: Request) -> Response:
    """Fail as an awaited task does that was cancelled."""
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


def said(*, function: str) -> str:
    return function


async def in_a_thread(request: Request) -> Response:
    """Call what is not async, as FastAPI does: with keywords of any name."""
    return PlainTextResponse(await run_in_threadpool(said, function="said"))


def loop(request: Request) -> Response:
    """Run something async where nothing is, as Django does."""
    return PlainTextResponse(asyncio.run(asyncio.sleep(0, "slept")))


starts = count(1)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, int]]:
    """Open what every request shares."""
    yield {"start": next(starts)}


def start(request: Request) -> Response:
    """Say which start of the app left its state."""
    return PlainTextResponse(str(request.state.start))


def started(request: Request) -> Response:
    """Say what the start has left: the garbage collector's state, and who has loaded the modules."""
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
            Route("/thread", in_a_thread),
            Route("/loop", loop),
        ],
    )
)
