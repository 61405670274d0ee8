"""The image as the web's Lambda function: real events, in AWS's runtime emulator."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import containers
import events
import rie

HTML = "text/html; charset=utf-8"
SCRIPTS = ["Hello", "こんにちは、世界", "👩🏽‍🚀🎉", "مرحبا بالعالم", "שלום עולם"]


@pytest.fixture(scope="module")
def database(image: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of a container with a SQLite file, which the image itself has migrated."""
    folder = tmp_path_factory.mktemp("database")
    folder.chmod(0o777)
    options = ["--volume", f"{folder}:/database", "--env", "DATABASE_URL=sqlite:////database/app.db"]
    containers.run(image, ["-m", "kit", "migrate"], options=[*rie.AS_ON_LAMBDA, *options, "--entrypoint", "python"])
    return options


@pytest.fixture(scope="module")
def wall(image: str, database: list[str]) -> Iterator[rie.Function]:
    """The app's function."""
    with rie.function(image, options=database) as function:
        yield function


@pytest.fixture(scope="module")
def probe(image: str, database: list[str]) -> Iterator[rie.Function]:
    """The same image with the app of probe/web.py."""
    file = Path(__file__).parent / "probe" / "web.py"
    with rie.function(image, options=[*database, "--volume", f"{file}:/var/task/app/web.py:ro"]) as function:
        yield function


def log_lines(function: rie.Function) -> list[dict[str, Any]]:
    """Return the JSON lines that the function has logged."""
    return [json.loads(line) for line in function.container.logs().splitlines() if line.startswith('{"time": ')]


def page(function: rie.Function) -> str:
    return events.content(function.invoke(events.http())).decode()


def test_text_is_returned_as_text(wall: rie.Function) -> None:
    response = wall.invoke(events.http(path="/health"))
    assert (response["statusCode"], response["body"], response["isBase64Encoded"]) == (200, "ok", False)
    assert response["headers"]["content-type"] == "text/plain; charset=utf-8"


def test_html_is_returned_as_html(wall: rie.Function) -> None:
    response = wall.invoke(events.http())
    assert (response["statusCode"], response["headers"]["content-type"]) == (200, HTML)
    assert response["body"].startswith("<!doctype html>")


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_posted_form_is_saved_and_redirects_to_the_wall(wall: rie.Function, text: str) -> None:
    response = wall.invoke(events.form({"text": text}))
    assert (response["statusCode"], response["headers"]["location"].partition("=")[0]) == (303, "/?posted")
    assert text in page(wall)


def test_a_form_may_arrive_without_base64(wall: rie.Function) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert wall.invoke(events.http("POST", headers=headers, body="text=plainly+sent"))["statusCode"] == 303
    assert "plainly sent" in page(wall)


def test_an_unchanged_page_is_a_304_without_a_body(wall: rie.Function) -> None:
    etag = wall.invoke(events.http(path="/messages"))["headers"]["etag"]
    response = wall.invoke(events.http(path="/messages", headers={"if-none-match": etag}))
    assert (response["statusCode"], response["body"]) == (304, "")


def test_a_head_request_gets_headers_only(wall: rie.Function) -> None:
    response = wall.invoke(events.http("HEAD", "/health"))
    assert (response["statusCode"], response["headers"]["content-length"]) == (200, "2")


def test_several_cookies_are_set_in_the_cookies_list(probe: rie.Function) -> None:
    response = probe.invoke(events.http(path="/cookies"))
    assert [cookie.partition(";")[0] for cookie in response["cookies"]] == [
        "first=1",
        f"second={'2; 二'.encode().hex()}",
    ]
    assert "set-cookie" not in response["headers"]


def test_several_cookies_arrive(probe: rie.Function) -> None:
    response = probe.invoke(events.http(path="/echo/", cookies=["first=1", "second=2"]))
    assert json.loads(response["body"])["cookies"] == {"first": "1", "second": "2"}


def test_bytes_are_returned_in_base64(probe: rie.Function) -> None:
    response = probe.invoke(events.http(path="/bytes"))
    assert response["isBase64Encoded"] is True
    assert events.content(response) == bytes(range(256))


def test_bytes_arrive_in_base64(probe: rie.Function) -> None:
    response = probe.invoke(events.upload(bytes(range(256)), path="/echo/"))
    assert bytes.fromhex(json.loads(response["body"])["body"]) == bytes(range(256))


def test_repeated_query_keys_arrive_in_order(probe: rie.Function) -> None:
    response = probe.invoke(events.http(path="/echo/", query="tag=b&tag=a%2Cc&q=%E6%9D%B1%E4%BA%AC&empty="))
    expected = [["tag", "b"], ["tag", "a,c"], ["q", "東京"], ["empty", ""]]
    assert json.loads(response["body"])["query"] == expected


@pytest.mark.parametrize("path", ["/echo/東京/写真", "/echo/%E6%9D%B1%E4%BA%AC/%E5%86%99%E7%9C%9F"])
def test_a_japanese_path_arrives(probe: rie.Function, path: str) -> None:
    response = probe.invoke(events.http(path=path))
    assert json.loads(response["body"])["path"] == "/echo/東京/写真"


@pytest.mark.parametrize(
    ("path", "arrives"),
    [("/echo/a%2Fb%20c", "/echo/a/b c"), ("/echo/%E6%9D%B1", "/echo/東"), ("/echo/100%2525", "/echo/100%25")],
)
def test_a_function_urls_path_is_decoded_once(probe: rie.Function, path: str, arrives: str) -> None:
    assert json.loads(probe.invoke(events.function_url(path=path))["body"])["path"] == arrives


@pytest.mark.parametrize("path", ["/echo/%41", "/echo/a%2Fb", "/echo/100%ab"])
def test_an_http_apis_path_is_not_decoded_a_second_time(probe: rie.Function, path: str) -> None:
    assert json.loads(probe.invoke(events.http() | {"rawPath": path})["body"])["path"] == path


def test_the_clients_address_and_scheme_arrive(probe: rie.Function) -> None:
    arrived = json.loads(probe.invoke(events.http(path="/echo/"))["body"])
    assert (arrived["client"], arrived["scheme"]) == ("192.0.2.1", "https")


def test_the_apps_startup_runs_once_for_all_requests(probe: rie.Function) -> None:
    assert [probe.invoke(events.http(path="/start"))["body"] for _ in range(3)] == ["1", "1", "1"]


def test_a_start_uses_the_bytecode_pack_and_is_excluded_from_garbage_collection(probe: rie.Function) -> None:
    assert json.loads(probe.invoke(events.http(path="/started"))["body"]) == {
        "collects": True,
        "frozen": True,
        "loader": "kit.aws_lambda.bytecode_pack",
    }


@pytest.mark.parametrize("path", ["/nowhere", "/無い", "/../etc/passwd", "//"])
def test_an_unknown_path_is_not_found(wall: rie.Function, path: str) -> None:
    response = wall.invoke(events.http(path=path))
    assert (response["statusCode"], response["headers"]["content-type"]) == (404, HTML)


def test_a_method_that_is_not_allowed_is_a_405(wall: rie.Function) -> None:
    assert wall.invoke(events.http("DELETE"))["statusCode"] == 405


def test_an_exception_is_logged_but_not_shown_to_the_client(probe: rie.Function) -> None:
    response = probe.invoke(events.http(path="/fail"))
    assert (response["statusCode"], response["body"]) == (500, "Internal Server Error")
    assert "the inside of the app" not in json.dumps(response)
    logged = next(line for line in log_lines(probe) if line["level"] == "ERROR")
    assert logged["request_id"] == events.REQUEST_ID
    assert "RuntimeError: the inside of the app" in logged["exception"]
    assert probe.invoke(events.http(path="/cookies"))["statusCode"] == 200, "an exception must not end the function"


@pytest.mark.parametrize("path", ["/exit", "/cancelled", "/half", "/header"])
def test_any_failure_is_a_500_with_request_id_and_security_headers_and_the_function_goes_on(
    probe: rie.Function, path: str
) -> None:
    response = probe.invoke(events.http(path=path, query="text=a%0D%0Aset-cookie:+forged=1"))
    assert response["statusCode"] == 500
    assert response["headers"]["x-request-id"] == events.REQUEST_ID
    assert response["headers"]["x-content-type-options"] == "nosniff"
    assert "forged" not in json.dumps(response)
    starts = [probe.invoke(events.http(path="/start"))["body"] for _ in range(2)]
    assert starts == ["1", "1"], "it is the same environment"


def test_every_response_and_its_log_line_have_api_gateways_request_id(wall: rie.Function) -> None:
    response = wall.invoke(events.http(path="/health", query="token=secret"))
    assert response["headers"]["x-request-id"] == events.REQUEST_ID
    logged = [line for line in log_lines(wall) if line["message"] == "GET /health"]
    assert (logged[-1]["request_id"], logged[-1]["status"]) == (events.REQUEST_ID, 200)
    assert "secret" not in wall.container.logs()


@pytest.mark.parametrize("path", ["/", "/messages", "/health", "/nowhere"])
def test_every_response_has_the_security_headers(wall: rie.Function, path: str) -> None:
    headers = wall.invoke(events.http(path=path))["headers"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_a_page_that_a_cdn_may_keep_allows_what_it_has_inlined(wall: rie.Function) -> None:
    response = wall.invoke(events.http())
    policy = response["headers"]["content-security-policy"]
    for tag in ("style", "script"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", response["body"], re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert response["headers"]["cache-control"].startswith("public, s-maxage=1,")
    assert "nonce" not in json.dumps(response)


def test_a_long_page_is_compressed_if_the_client_accepts_it(wall: rie.Function) -> None:
    response = wall.invoke(events.http(headers={"accept-encoding": "gzip, br"}))
    assert (response["headers"]["content-encoding"], response["isBase64Encoded"]) == ("gzip", True)
    assert gzip.decompress(events.content(response)).startswith(b"<!doctype html>")


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_a_cross_site_form_is_refused(wall: rie.Function, headers: dict[str, str]) -> None:
    response = wall.invoke(events.form({"text": "this was forged"}, headers=headers))
    assert response["statusCode"] == 403
    assert "Cross-site request refused" in response["body"]
    assert "this was forged" not in page(wall)


def test_a_same_origin_form_is_accepted(wall: rie.Function) -> None:
    headers = {"sec-fetch-site": "same-origin", "origin": f"https://{events.HOST}"}
    assert wall.invoke(events.form({"text": "my own"}, headers=headers))["statusCode"] == 303


def test_a_body_that_is_not_utf_8_is_a_400(wall: rie.Function) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = wall.invoke(events.upload(b"text=\xff\xfe", headers=headers))
    assert (response["statusCode"], response["headers"]["content-type"]) == (400, HTML)
    assert "not valid UTF-8" in response["body"]


@pytest.mark.parametrize("text", ["", "x" * 10_000], ids=["empty", "10,000 characters"])
def test_a_refused_text_is_shown_in_the_form_again(wall: rie.Function, text: str) -> None:
    response = wall.invoke(events.form({"text": text}))
    assert response["statusCode"] == 422
    assert text in response["body"]


def test_an_event_that_is_not_a_request_is_an_error_with_a_hint(wall: rie.Function) -> None:
    response = wall.invoke(events.queue())
    assert response["errorType"] == "UnknownEvent"
    assert response["errorMessage"].endswith(
        "not an event with: Records. Is it behind the right trigger? Jobs go to kit.aws_lambda.jobs.handler."
    )
    assert wall.invoke(events.http(path="/health"))["statusCode"] == 200


def test_without_a_database_url_the_function_does_not_start(image: str) -> None:
    with rie.function(image) as function:
        response = function.invoke(events.http(path="/health"))
        assert "statusCode" not in response
        assert "DATABASE_URL: it is not set" in json.dumps(response) + function.container.logs()
