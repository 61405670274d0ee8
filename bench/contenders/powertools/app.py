"""Powertools for AWS Lambda: its resolver and its logger, the bare driver, a boto3 client for the queue."""

import os
import ssl
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import jinja2
import pymysql
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types

logger = Logger(service="wall")
app = APIGatewayHttpResolver()
pages = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
queue = boto3.client("sqs")


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


@app.get("/")
def home() -> Response[str]:
    with connection().cursor() as cursor:
        cursor.execute("SELECT id, text, posted_at FROM messages ORDER BY id DESC LIMIT 10")
        page = pages.get_template("page.html").render(messages=cursor.fetchall())
    return Response(HTTPStatus.OK, content_types.TEXT_HTML, page)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
