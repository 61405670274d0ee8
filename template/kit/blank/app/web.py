"""The web app: its routes and pages."""

import logging
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from app import about
from kit import web
from kit.web import problems, templates
from kit.web.static import StaticFiles

log = logging.getLogger(__name__)

static = StaticFiles(Path(__file__).parent / "static")
pages = templates.load(Path(__file__).parent / "pages")
pages.env.globals.update(about=about, static=static.url)


def home(request: Request) -> Response:
    """Show the home page."""
    return pages.TemplateResponse(request, "home.html")


def health(request: Request) -> Response:
    """Answer without the database, for health checks."""
    return PlainTextResponse("ok")


def error(request: Request, problem: Exception) -> Response:
    """Answer with an error page, or JSON if the client asks for it, without internal details."""
    if isinstance(problem, HTTPException):
        status, message, headers = problem.status_code, problem.detail, problem.headers
    elif isinstance(problem, DBAPIError):
        log.error("the database failed", exc_info=problem)
        status, message, headers = 503, "The database is temporarily unavailable. Try again in a moment.", None
    else:
        status, message, headers = 500, "Something went wrong on our side.", None
    if problems.wants_json(request.headers):
        return problems.response(status, message, headers)
    return pages.TemplateResponse(request, "error.html", {"message": message}, status_code=status, headers=headers)


app = web.wrap(
    Starlette(
        routes=[
            Route("/", home),
            Route("/health", health),
            Mount("/static", static),
        ],
        exception_handlers={HTTPException: error, DBAPIError: error, Exception: error},
    )
)
