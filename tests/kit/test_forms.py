"""Reading a posted form: what is taken, and what is refused with which status."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from kit.web import forms

FORM = "application/x-www-form-urlencoded"


async def read(request: Request) -> JSONResponse:
    return JSONResponse(await forms.read(request))


client = TestClient(Starlette(routes=[Route("/", read, methods=["POST"])]))


def posted(body: Any, content_type: str | None = FORM) -> tuple[int, Any]:
    """The status, and the fields, or the refusal."""
    headers = {} if content_type is None else {"content-type": content_type}
    response = client.post("/", content=body, headers=headers)
    return response.status_code, response.json() if response.status_code == 200 else response.text


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"text=a+b%20c&empty=&text=last", {"text": "last", "empty": ""}),
        (b"text=%E6%9D%B1%E4%BA%AC", {"text": "東京"}),
        ("text=東京".encode(), {"text": "東京"}),
        (b"bare&=value&a=b=c", {"bare": "", "": "value", "a": "b=c"}),
        (b"&".join(b"%d=1" % number for number in range(100)), {str(number): "1" for number in range(100)}),
        (b"t=" + b"x" * (64 * 1024 - 2), {"t": "x" * (64 * 1024 - 2)}),
    ],
    ids=["empty", "repeated", "encoded", "plain", "bare", "100 fields", "64 KB"],
)
def test_the_fields_of_a_form(body: bytes, fields: dict[str, str]) -> None:
    assert posted(body) == (200, fields)


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", f" {FORM.upper()} ;x"])
def test_a_content_type_may_have_parameters(content_type: str) -> None:
    assert posted(b"a=1", content_type) == (200, {"a": "1"})


@pytest.mark.parametrize("content_type", [None, "", "application/json", "multipart/form-data; boundary=x", f"{FORM}x"])
def test_another_kind_of_body_is_refused(content_type: str | None) -> None:
    expected = "Expected a form (application/x-www-form-urlencoded)."
    assert posted(b"a=1", content_type) == (415, expected)


def test_a_form_over_64_kb_is_refused() -> None:
    assert posted(b"t=" + b"x" * (64 * 1024 - 1)) == (413, "The form is too large; the limit is 64 KB.")


def test_no_more_of_a_form_is_read_than_64_kb() -> None:
    parts = 0

    async def receive() -> Message:
        nonlocal parts
        parts += 1
        return {"type": "http.request", "body": b"x" * 1024, "more_body": True}

    request = Request({"type": "http", "method": "POST", "headers": [(b"content-type", FORM.encode())]}, receive)
    with pytest.raises(HTTPException) as refused:
        asyncio.run(forms.read(request))
    assert (refused.value.status_code, parts) == (413, 65)


@pytest.mark.parametrize("body", [b"text=\xff", b"text=%ff", b"%80=1"])
def test_what_is_not_utf_8_is_refused(body: bytes) -> None:
    assert posted(body) == (400, "The text is not valid UTF-8.")


def test_more_than_100_fields_are_refused() -> None:
    assert posted(b"&".join([b"a=1"] * 101)) == (400, "The form has too many fields.")
