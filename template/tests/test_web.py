"""What holds for every response."""

import io

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from app import wall
from kit import logs

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/", "/messages", "/health", "/nowhere"])
def test_every_response_has_security_headers_and_an_id(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert len(headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_form_from_another_site_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    response = client.post("/", data={"text": "forged"}, headers=headers)
    assert response.status_code == 403
    assert "Cross-site request refused" in response.text
    assert wall.page()[0] == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://testserver"}, {}])
def test_the_apps_own_form_is_accepted(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/", data={"text": "mine"}, headers=headers).status_code == 303


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"text=%ff%fe", FORM, 400),
        (b"text=\xff\xfe", FORM, 400),
        (b"&".join([b"a=1"] * 200), FORM, 400),
        (b"text=" + b"x" * 70_000, FORM, 413),
    ],
)
def test_an_invalid_form_is_refused(client: TestClient, body: bytes, headers: dict[str, str], status: int) -> None:
    response = client.post("/", content=body, headers=headers)
    assert response.status_code == status
    assert 'role="alert"' in response.text
    assert wall.page()[0] == []


def test_json_is_no_form(client: TestClient) -> None:
    response = client.post("/", json={"text": "Hello"})
    assert response.status_code == 415
    assert response.headers["content-type"] == "application/problem+json"
    assert wall.page()[0] == []


@pytest.mark.parametrize("parameter", ["before", "posted"])
@pytest.mark.parametrize("number", ["abc", "-1", "1.5", "9" * 30, "١"])
def test_an_invalid_page_number_is_explained(client: TestClient, parameter: str, number: str) -> None:
    response = client.get("/", params={parameter: number})
    assert response.status_code == 400
    assert f"“{parameter}” must be a message" in response.text


def test_an_unknown_address_is_not_found(client: TestClient) -> None:
    response = client.get("/無い")
    assert response.status_code == 404
    assert "Back to the wall" in response.text


@pytest.mark.parametrize(
    ("failure", "status"),
    [(RuntimeError("the secret"), 500), (OperationalError("the secret", {}, Exception("the secret")), 503)],
)
def test_an_error_page_has_no_internal_details(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    status: int,
) -> None:
    def fail(before: int | None = None) -> None:
        raise failure

    monkeypatch.setattr(wall, "page", fail)
    response = client.get("/")
    assert response.status_code == status
    assert "the secret" not in response.text
    assert "Traceback" not in response.text


def test_the_text_is_kept_while_the_database_is_unavailable(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(text: str) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    monkeypatch.setattr(wall, "post", fail)
    response = client.post("/", data={"text": "long thought of"})
    assert response.status_code == 503
    assert "long thought of" in response.text


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/?before=x", 400), ("/health", 405)])
def test_a_client_that_asks_for_json_gets_json_errors(client: TestClient, path: str, status: int) -> None:
    method = "DELETE" if status == 405 else "GET"
    response = client.request(method, path, headers={"accept": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status


def test_a_request_is_logged_in_one_line(client: TestClient) -> None:
    logs.configure(stream := io.StringIO())
    response = client.get("/health?token=secret")
    line = stream.getvalue().splitlines()[-1]
    assert "GET /health" in line
    assert response.headers["x-request-id"][:8] in line
    assert "secret" not in line


def test_a_page_names_the_current_version_of_each_static_file(client: TestClient) -> None:
    icon = client.get("/").text.partition('<link rel="icon" href="')[2].partition('"')[0]
    response = client.get(icon)
    assert response.headers["content-type"] == "image/svg+xml"
    assert "immutable" in response.headers["cache-control"]
