"""Static files: the same from uvicorn and on Lambda, and kept by browsers until their content changes."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import events
import serving
from kit import web
from kit.aws_lambda.apigateway import Gateway
from kit.web.static import MAX_BYTES, StaticFiles

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    folder.joinpath("fonts").mkdir(parents=True)
    folder.joinpath("app.css").write_text("p { color: red; }\n" * 200)
    folder.joinpath("fonts", "été sans.woff2").write_bytes(PICTURE)
    folder.joinpath("empty.txt").write_text("")
    tmp_path.joinpath("secret.txt").write_text("secret")
    folder.joinpath("link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def static(folder: Path) -> StaticFiles:
    return StaticFiles(folder)


class Sites:
    """One app behind uvicorn and on Lambda."""

    def __init__(self, address: str, gateway: Gateway) -> None:
        self.address = address
        self.gateway = gateway

    def get(self, url: str, method: str = "GET", **headers: str) -> httpx.Response:
        """Send a request to both; the responses must be equal."""
        names = {name.replace("_", "-"): value for name, value in headers.items()} | {"user-agent": "test"}
        server = httpx.request(method, self.address + url, headers={"accept-encoding": "identity"} | names)
        path, _, query = url.partition("?")
        event = events.http(method, path, query=query, headers={"accept-encoding": "identity"} | names)
        response: dict[str, Any] = self.gateway(event, None)
        assert response["statusCode"] == server.status_code
        assert _comparable(response["headers"]) == _comparable(dict(server.headers))
        if "content-encoding" not in server.headers:
            assert events.content(response) == server.content
        return server


def _comparable(headers: dict[str, str]) -> dict[str, str]:
    """Without what differs with each response, a server's own headers, and HSTS, which is for HTTPS alone."""
    own = {"x-request-id", "content-security-policy", "date", "server", "connection", "strict-transport-security"}
    return {name: value for name, value in headers.items() if name not in own}


@pytest.fixture
def sites(static: StaticFiles) -> Iterator[Sites]:
    app = web.wrap(Starlette(routes=[Mount("/static", static)]))
    loop = asyncio.new_event_loop()
    with serving.uvicorn(app) as address:
        yield Sites(address, Gateway(app, loop))
    loop.close()


def test_a_files_url_is_kept_for_a_year(sites: Sites, static: StaticFiles) -> None:
    response = sites.get(static.url("app.css"))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"] == "text/css; charset=utf-8"


def test_the_url_changes_with_the_content(folder: Path, static: StaticFiles) -> None:
    before = static.url("app.css")
    folder.joinpath("app.css").write_text("p { color: blue; }")
    assert static.url("app.css") != before


def test_on_lambda_a_file_is_looked_up_once(folder: Path, static: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    with pytest.raises(FileNotFoundError):
        static.url("late.css")
    folder.joinpath("late.css").write_text("")
    before = static.url("late.css")
    folder.joinpath("late.css").unlink()
    assert static.url("late.css") == before


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789ab", "?other=1"])
def test_any_other_url_of_a_file_is_revalidated(sites: Sites, query: str) -> None:
    assert sites.get(f"/static/app.css{query}").headers["cache-control"] == "no-cache"


def test_an_old_pages_url_is_not_kept_with_the_new_content(sites: Sites, folder: Path, static: StaticFiles) -> None:
    before = static.url("app.css")
    folder.joinpath("app.css").write_text("p { color: blue; }")
    assert sites.get(before).headers["cache-control"] == "no-cache"


def test_an_unchanged_file_is_a_304(sites: Sites, static: StaticFiles) -> None:
    first = sites.get(static.url("app.css"))
    again = sites.get(static.url("app.css"), if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == first.headers["cache-control"]


def test_binary_files_and_names_beyond_ascii(sites: Sites, static: StaticFiles) -> None:
    url = static.url("fonts/été sans.woff2")
    assert url.startswith("/static/fonts/%C3%A9t%C3%A9%20sans.woff2?v=")
    response = sites.get(url)
    assert response.content == PICTURE
    assert response.headers["content-type"] == "font/woff2"


def test_parts_of_a_file(sites: Sites, static: StaticFiles) -> None:
    response = sites.get(static.url("fonts/été sans.woff2"), range="bytes=0-3")
    assert (response.status_code, response.content) == (206, PICTURE[:4])


def test_a_head_request_has_the_headers_alone(sites: Sites, static: StaticFiles) -> None:
    response = sites.get(static.url("app.css"), method="HEAD")
    assert (response.content, response.headers["content-length"]) == (b"", str(18 * 200))


def test_text_is_compressed_and_fonts_are_not(sites: Sites, static: StaticFiles) -> None:
    assert sites.get(static.url("app.css"), accept_encoding="gzip").headers["content-encoding"] == "gzip"
    response = sites.get(static.url("fonts/été sans.woff2"), accept_encoding="gzip")
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/none.css",
        "/static/",
        "/static/fonts",
        "/static/link.txt",
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
    ],
)
def test_what_is_no_file_of_the_folder_is_not_found(sites: Sites, path: str) -> None:
    assert sites.get(path).status_code == 404


def test_an_empty_file(sites: Sites, static: StaticFiles) -> None:
    assert sites.get(static.url("empty.txt")).content == b""


@pytest.mark.parametrize("path", ["none.css", "fonts", "../secret.txt", "/etc/passwd", "link.txt", ""])
def test_the_url_of_what_is_no_file_of_the_folder_is_an_error(static: StaticFiles, path: str) -> None:
    with pytest.raises(FileNotFoundError, match="There is no file"):
        static.url(path)


def test_a_file_that_lambda_cannot_send_is_refused_everywhere(folder: Path, static: StaticFiles, sites: Sites) -> None:
    os.truncate(folder / "empty.txt", MAX_BYTES + 1)
    with pytest.raises(ValueError, match="S3"):
        static.url("empty.txt")
    assert sites.get("/static/empty.txt").status_code == 500
    os.truncate(folder / "empty.txt", MAX_BYTES)
    assert len(sites.get(static.url("empty.txt")).content) == MAX_BYTES
