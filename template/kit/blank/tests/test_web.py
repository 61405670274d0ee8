"""The app's pages, and what holds for every response."""

import io

import pytest
from starlette.testclient import TestClient

from app import about
from kit import logs
from kit.jobs import manifest


def test_the_home_page_says_what_the_app_is(client: TestClient) -> None:
    assert about.NAME in client.get("/").text


def test_a_page_names_the_current_version_of_its_style(client: TestClient) -> None:
    style = client.get("/").text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    response = client.get(style)
    assert response.headers["content-type"].startswith("text/css")
    assert "immutable" in response.headers["cache-control"]


@pytest.mark.parametrize("path", ["/", "/health", "/nowhere"])
def test_every_response_has_security_headers_and_an_id(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert len(headers["x-request-id"]) == 16


def test_an_unknown_address_is_not_found(client: TestClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert 'role="alert"' in response.text


def test_a_request_is_logged_in_one_line(client: TestClient) -> None:
    logs.configure(stream := io.StringIO())
    response = client.get("/health?token=secret")
    line = stream.getvalue().splitlines()[-1]
    assert "GET /health" in line
    assert response.headers["x-request-id"][:8] in line
    assert "secret" not in line


def test_the_manifest_matches_the_code() -> None:
    assert manifest.is_current(), "jobs.json does not match the code. Update it: make manifest"
