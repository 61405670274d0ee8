# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#     "atheris==3.0.0; python_version < '3.12'",
#     "atheris==3.1.0; python_version >= '3.12'",
#     "itsdangerous>=2.2",
#     "starlette>=1.10",
# ]
# ///
"""Fuzzes what a stranger's request reaches in the kit: `make fuzz`, or for ten minutes `make fuzz ARGS=-max_total_time=600`.

Atheris makes up events of API Gateway and keeps those that reach new lines of the kit or of Starlette. Each goes through
the whole chain, as on Lambda: the adapter, the layers of `web.wrap`, sessions, forms and static files. A finding is an
exception, a response 500, a line break in a header, or a static response that is no file of the folder; libFuzzer
prints the input in Base64, and `make fuzz ARGS=data/fuzz-crash-…` runs its file again. Options: https://llvm.org/docs/LibFuzzer.html

Atheris has wheels for Linux on x86_64 alone, so this runs nowhere else. To update it: change the versions above, and run
./uvw lock --script kit/tools/fuzz.py --upgrade
"""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import atheris

KIT = Path(__file__).parents[1]
sys.path.insert(0, str(KIT / "src"))
with atheris.instrument_imports(include=["kit", "starlette"]):
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, RedirectResponse, Response
    from starlette.routing import Mount, Route

    from kit import web
    from kit.aws_lambda.apigateway import Gateway
    from kit.web import forms, problems, sessions, static

FOLDER = KIT / "docs"
"""The static files: any text that an app has."""
HEADERS = (
    "accept", "accept-encoding", "content-length", "content-type", "cookie", "host", "if-none-match", "origin", "range",
    "referer", "sec-fetch-site", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
)  # fmt: skip
BROWSER = {"host": "example.com", "accept": "text/html", "accept-encoding": "gzip, br", "sec-fetch-site": "same-origin"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
REQUESTS = (
    ("GET", "/", BROWSER),
    ("POST", "/form", BROWSER | FORM),
    ("POST", "/form", FORM | {"host": "example.com", "origin": "https://example.com", "accept": "application/json"}),
    ("GET", "/static/web.md", BROWSER),
    ("HEAD", "/static/guides/README.md", {"if-none-match": "W/", "range": "bytes=0-9"}),
)
"""What is sent when nothing is changed; a part of it is replaced by the input."""


async def home(request: Request) -> Response:
    """Use what a page uses: the query, the session, conditional responses."""
    request.session["query"] = dict(request.query_params)
    return web.conditional(request, JSONResponse(dict(request.query_params)))


async def form(request: Request) -> Response:
    """Answer with a form's field, in the body and in a header."""
    fields = await forms.read(request)
    if problems.wants_json(request.headers):
        return problems.response(422, fields.get("text", ""))
    return RedirectResponse(f"/?text={fields.get('text', '')[:500]}", status_code=303)


routes = [Route("/", home), Route("/form", form, methods=["POST"]), Mount("/static", static.StaticFiles(FOLDER))]
handler = Gateway(web.wrap(sessions.Sessions(Starlette(routes=routes), lambda: ["key"])), asyncio.new_event_loop())


def event(data: Any) -> dict[str, Any]:
    """Make an event of an HTTP API, payload format 2.0, of some bytes."""

    def text(most: int) -> str:
        return str(data.ConsumeUnicodeNoSurrogates(data.ConsumeIntInRange(0, most)))

    method, path, headers = data.PickValueInList(list(REQUESTS))
    body = text(60)
    if data.ConsumeBool():
        path = text(40) if data.ConsumeBool() else path + text(40)
    headers = headers | {data.PickValueInList(list(HEADERS)): text(40) for _ in range(data.ConsumeIntInRange(0, 3))}
    domain = data.PickValueInList(
        ["example.execute-api.us-east-1.amazonaws.com", "example.lambda-url.us-east-1.on.aws"]
    )
    return {
        "rawPath": path,
        "rawQueryString": text(40),
        "headers": headers,
        "cookies": [text(60)] if data.ConsumeBool() else [],
        "requestContext": {"http": {"method": method, "sourceIp": "192.0.2.1"}, "domainName": domain},
        "body": body,
        "isBase64Encoded": False,
    }


def check(data: bytes) -> None:
    """Answer one request; raises `AssertionError` for a response that no request may get."""
    request = event(atheris.FuzzedDataProvider(data))
    response = handler(request, None)
    assert response["statusCode"] != 500, (request, response)  # noqa: S101
    values = [*response["headers"].values(), *response.get("cookies", [])]
    assert not any("\n" in value or "\r" in value for value in values), (request, response)  # noqa: S101


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
