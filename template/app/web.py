"""The web app: its routes and pages."""

import logging
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from app import about, wall
from app.models import MAX_TEXT
from kit import web
from kit.web import forms, polling, problems, templates
from kit.web.static import StaticFiles

log = logging.getLogger(__name__)

static = StaticFiles(Path(__file__).parent / "static")
pages = templates.load(Path(__file__).parent / "pages")
pages.env.globals.update(about=about, max_text=MAX_TEXT, static=static.url)


SHARED = "public, s-maxage=1, stale-while-revalidate=1, stale-if-error=60"
"""A CDN asks for a page once a second, however many visitors there are: see kit/docs/web.md."""


def home(request: Request) -> Response:
    """Show a page of the wall: the newest one, that before a message, or that which somebody's own message begins."""
    before, posted = _number(request, "before"), _number(request, "posted")
    messages, older = wall.page(before if posted is None else posted + 1)
    context = {"messages": messages, "older": older, "newest": before is None}
    headers = {"cache-control": f"{SHARED}, max-age=0"}
    return pages.TemplateResponse(request, "wall.html", context, headers=headers)


def newest(request: Request) -> Response:
    """Return only the newest messages, for pages that poll, and when to ask again; 304 while nothing has changed."""
    messages, _ = wall.page()
    headers = {"cache-control": f"{SHARED}, max-age={polling.interval(message.posted_at for message in messages)}"}
    response = pages.TemplateResponse(request, "messages.html", {"messages": messages}, headers=headers)
    return web.conditional(request, response)


async def post(request: Request) -> Response:
    """Post a message. If that fails, the form is shown again with the text."""
    form = await forms.read(request)
    return await run_in_threadpool(_post, request, form.get("text", ""))


def _post(request: Request, text: str) -> Response:
    try:
        posted = wall.post(text)
    except wall.Unpostable as refusal:
        return _form_again(request, text, str(refusal), status=422)
    except DBAPIError:
        log.exception("a message could not be saved")
        return _form_again(request, text, "The wall is temporarily unavailable. Try again in a moment.", status=503)
    # An address of its own, because a CDN's copy of the newest page may be a few seconds old.
    return RedirectResponse(f"/?posted={posted}", status_code=303)


def _form_again(request: Request, text: str, problem: str, *, status: int) -> Response:
    context = {"draft": text, "problem": problem}
    return pages.TemplateResponse(request, "form_again.html", context, status_code=status)


def health(request: Request) -> Response:
    """Answer without the database, for health checks."""
    return PlainTextResponse("ok")


def _number(request: Request, parameter: str) -> int | None:
    text = request.query_params.get(parameter)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise HTTPException(400, f"Invalid address: “{parameter}” must be a message's number.")
    return int(text)


def error(request: Request, problem: Exception) -> Response:
    """Answer with an error page, or JSON if the client asks for it, without internal details."""
    if isinstance(problem, HTTPException):
        status, message, headers = problem.status_code, problem.detail, problem.headers
    elif isinstance(problem, DBAPIError):
        log.error("the database failed", exc_info=problem)
        status, message, headers = 503, "The wall is temporarily unavailable. Try again in a moment.", None
    else:
        status, message, headers = 500, "Something went wrong on our side.", None
    if problems.wants_json(request.headers):
        return problems.response(status, message, headers)
    return pages.TemplateResponse(request, "error.html", {"message": message}, status_code=status, headers=headers)


app = web.wrap(
    Starlette(
        routes=[
            Route("/", home),
            Route("/", post, methods=["POST"]),
            Route("/messages", newest),
            Route("/health", health),
            Mount("/static", static),
        ],
        exception_handlers={HTTPException: error, DBAPIError: error, Exception: error},
    )
)
