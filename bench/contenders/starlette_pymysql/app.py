"""Starlette and the bare driver: one connection an environment, no ORM, no jobs."""

import os
import ssl
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pymysql
from mangum import Mangum
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

pages = Jinja2Templates(Path(__file__).parent)


@cache
def connection() -> pymysql.Connection:
    url = urlsplit(os.environ["DATABASE_URL"])
    return pymysql.connect(
        host=url.hostname,
        port=url.port or 3306,
        user=url.username,
        password=unquote(url.password or ""),
        database=url.path.strip("/"),
        charset="utf8mb4",
        autocommit=True,
        cursorclass=pymysql.cursors.DictCursor,
        ssl=ssl.create_default_context(cafile=os.environ.get("DATABASE_CA")),
    )


def home(request: Request) -> Response:
    with connection().cursor() as cursor:
        cursor.execute("SELECT id, text, posted_at FROM messages ORDER BY id DESC LIMIT 10")
        return pages.TemplateResponse(request, "page.html", {"messages": cursor.fetchall()})


app = Starlette(routes=[Route("/", home)])
handler = Mangum(app, lifespan="off")
