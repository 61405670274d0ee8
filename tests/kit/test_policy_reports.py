"""In development, what the content security policy blocks is logged; anywhere else no browser reports it."""

import logging

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kit import web
from kit.web import policy_reports


def app() -> Starlette:
    own = {"content-security-policy": "default-src 'self';"}
    return Starlette(
        routes=[
            Route("/", lambda request: PlainTextResponse("")),
            Route("/own", lambda request: PlainTextResponse("", headers=own)),
        ]
    )


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv(policy_reports.VARIABLE, "1")
    return TestClient(web.wrap(app()))


def report(client: TestClient, **fields: str) -> int:
    """Report as a browser does; return the status."""
    document = {"document-uri": "http://testserver/page", "effective-directive": "style-src-elem", **fields}
    response = client.post(
        policy_reports.PATH, json={"csp-report": document}, headers={"content-type": "application/csp-report"}
    )
    return response.status_code


@pytest.mark.parametrize(("path", "policy"), [("/", "default-src 'none'"), ("/own", "default-src 'self'")])
def test_every_policy_names_the_address_for_reports(client: TestClient, path: str, policy: str) -> None:
    header = client.get(path).headers["content-security-policy"]
    assert header.startswith(policy)
    assert header.endswith(f"; report-uri {policy_reports.PATH}")


@pytest.mark.parametrize("variables", [{}, {policy_reports.VARIABLE: "1", "AWS_LAMBDA_FUNCTION_NAME": "web"}])
def test_outside_of_development_nothing_is_reported(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = TestClient(web.wrap(app()))
    assert "report" not in client.get("/").headers["content-security-policy"]
    assert report(client, **{"blocked-uri": "inline"}) == 404


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"blocked-uri": "https://cdn.example.com/a.css"}, 'web.allow("style-src", "https://cdn.example.com")'),
        ({"blocked-uri": "data", "effective-directive": "font-src"}, 'web.allow("font-src", "data:")'),
        ({"blocked-uri": "inline"}, 'nonce="{{ request.state.csp_nonce }}"'),
        ({"blocked-uri": "inline", "effective-directive": "style-src-attr"}, "use a class, or a script"),
        ({"blocked-uri": "http://testserver/a.js", "effective-directive": "script-src-elem"}, "nonce="),
        ({"blocked-uri": "eval", "effective-directive": "script-src"}, "'unsafe-eval'"),
    ],
)
def test_what_was_blocked_is_logged_once_with_how_to_allow_it(
    client: TestClient, caplog: pytest.LogCaptureFixture, fields: dict[str, str], advice: str
) -> None:
    with caplog.at_level(logging.WARNING, "kit.web"):
        for _ in range(2):
            assert report(client, **fields) == 204
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"blocked {fields['blocked-uri']} on http://testserver/page" in line
    assert fields.get("effective-directive", "style-src-elem") in line
    assert advice in line


def test_reports_about_the_browsers_extensions_are_not_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert report(client, **{"blocked-uri": "inline", "source-file": "chrome-extension://abc/x.js"}) == 204
    assert "blocked" not in caplog.text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"csp-report": []}', '{"csp-report": {}}', "\xff"])
def test_what_is_no_report_is_a_bad_request(client: TestClient, text: str) -> None:
    assert client.post(policy_reports.PATH, content=text.encode("latin-1")).status_code == 400


def test_allowing_a_source_changes_only_its_directive() -> None:
    policy = web.allow("style-src", "https://cdn.example.com")
    assert policy == web.POLICY.replace(
        "style-src 'self' 'nonce-{nonce}'", "style-src 'self' 'nonce-{nonce}' https://cdn.example.com"
    )
    assert web.allow("frame-src", "https://video.example.com") == f"{web.POLICY}; frame-src https://video.example.com"
    assert web.allow("frame-ancestors", "'self'").endswith("frame-ancestors 'self'")
    assert "a.example b.example" in web.allow("img-src", "b.example", policy=web.allow("img-src", "a.example"))
