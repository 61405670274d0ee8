"""The web app: the addresses, and the page that each answers with."""

import logging
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from app import about, wall
from app.models import MAX_TEXT
from kit import web
from kit.web import forms, templates

log = logging.getLogger(__name__)

pages = templates.load(Path(__file__).parent / "pages")
pages.env.globals.update(about=about, max_text=MAX_TEXT)


def home(request: Request) -> Response:
    """The wall, a page at a time."""
    before = _number(request.query_params.get("before"))
    messages, older = wall.page(before)
    shown = {"messages": messages, "older": older, "newest": before is None}
    return pages.TemplateResponse(request, "wall.html", shown)


def newest(request: Request) -> Response:
    """The newest messages alone, for pages that look on; 304 while nothing has changed."""
    messages, _ = wall.page()
    headers = {"cache-control": "no-cache"}
    response = pages.TemplateResponse(request, "messages.html", {"messages": messages}, headers=headers)
    return web.conditional(request, response)


async def post(request: Request) -> Response:
    """Take a message; what cannot be kept comes back to its writer, text and all."""
    form = await forms.read(request)
    return await run_in_threadpool(_post, request, form.get("text", ""))


def _post(request: Request, text: str) -> Response:
    try:
        wall.post(text)
    except wall.Unpostable as refusal:
        return _form_again(request, text, str(refusal), status=422)
    except DBAPIError:
        log.exception("a message could not be kept")
        return _form_again(request, text, "The wall cannot be reached just now. Try again in a moment.", status=503)
    return RedirectResponse("/", status_code=303)


def _form_again(request: Request, text: str, problem: str, *, status: int) -> Response:
    shown = {"draft": text, "problem": problem}
    return pages.TemplateResponse(request, "form_again.html", shown, status_code=status)


def health(request: Request) -> Response:
    """Whether the app answers at all; it asks nothing of the database."""
    return PlainTextResponse("ok")


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise HTTPException(400, "The address is not right: “before” must be a message's number.")
    return int(text)


def error(request: Request, problem: Exception) -> Response:
    """A page that says what went wrong, and nothing of the inside."""
    if isinstance(problem, HTTPException):
        status, sentence, headers = problem.status_code, problem.detail, problem.headers
    elif isinstance(problem, DBAPIError):
        log.error("the database failed", exc_info=problem)
        status, sentence, headers = 503, "The wall cannot be reached just now. Try again in a moment.", None
    else:
        status, sentence, headers = 500, "Something went wrong on our side.", None
    return pages.TemplateResponse(request, "error.html", {"sentence": sentence}, status_code=status, headers=headers)


app = web.wrap(
    Starlette(
        routes=[
            Route("/", home),
            Route("/", post, methods=["POST"]),
            Route("/messages", newest),
            Route("/health", health),
        ],
        exception_handlers={HTTPException: error, DBAPIError: error, Exception: error},
    )
)
