"""Log lines, in both formats."""

import io
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit import logs, settings

Written = Callable[[], str]


@pytest.fixture
def root() -> Iterator[None]:
    """Restore the root logger after the test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    settings.current.cache_clear()


@pytest.fixture
def text(root: None, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return what was logged as text so far."""
    return configured("text", monkeypatch)


@pytest.fixture
def jsons(root: None, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return what was logged as JSON so far."""
    return configured("json", monkeypatch)


def configured(log_format: str, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setenv("LOG_FORMAT", log_format)
    settings.current.cache_clear()
    logs.configure(stream := io.StringIO())
    return stream.getvalue


log = logging.getLogger("app.test")
FORGED = "/x\n00:00:00 ERROR forged\x1b[31m\r\x9b2J\x7f\u2028\u202e\u2066\0"
ESCAPED = r"/x\n00:00:00 ERROR forged\x1b[31m\r\x9b2J\x7f\u2028\u202e\u2066\x00"


def test_a_line_of_text_cannot_be_forged(text: Written) -> None:
    log.info("GET %s", FORGED, extra={"origin": FORGED})
    assert text()[9:] == f"INFO    GET {ESCAPED} origin={ESCAPED}\n"


def test_the_lines_of_a_traceback_are_indented(text: Written) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("failed")
    first, *rest = text().rstrip("\n").split("\n")
    assert first[9:] == "ERROR   failed"
    assert rest[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in text() and "\r" not in text()
    assert r"forged\x1b[31m\r\x9b2J" in rest[-1]


@pytest.mark.parametrize("message", ["こんにちは、世界", "👩🏽‍🚀🎉", "مرحبا", "שלום", "全角　スペース", "a\xa0b é"])
def test_text_in_any_script_stays_readable(text: Written, message: str) -> None:
    log.info(message)
    assert text()[9:] == f"INFO    {message}\n"


def test_a_line_of_text_ends_with_the_ids_of_its_request_and_job(text: Written) -> None:
    request, job = logs.request_id.set("0123456789"), logs.job_id.set("abcdefghij")
    log.warning("careful")
    logs.request_id.reset(request)
    logs.job_id.reset(job)
    assert text()[9:] == "WARNING careful  [01234567]  [job abcdefgh]\n"


def test_a_json_line_has_all_fields(jsons: Written) -> None:
    request, job = logs.request_id.set("r" * 16), logs.job_id.set("j" * 16)
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("GET %s", FORGED, extra={"user_id": 42})
    logs.request_id.reset(request)
    logs.job_id.reset(job)
    assert jsons().count("\n") == 1
    line = json.loads(jsons())
    assert line.pop("exception").endswith(f"ValueError: {FORGED}")
    assert line.pop("time")
    assert line == {
        "level": "ERROR",
        "logger": "app.test",
        "message": f"GET {FORGED}",
        "request_id": "r" * 16,
        "job_id": "j" * 16,
        "user_id": 42,
    }


def test_it_is_json_on_lambda_and_readable_elsewhere_whatever_the_output_is(
    root: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    written = configured("auto", monkeypatch)
    log.info("here")
    assert written()[9:] == "INFO    here\n"
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    written = configured("auto", monkeypatch)
    log.info("here")
    assert json.loads(written())["message"] == "here"


@pytest.mark.parametrize("name", ["httpx", "httpx2", "uvicorn.access"])
def test_loggers_that_log_whole_urls_are_quiet(text: Written, name: str) -> None:
    logging.getLogger(name).info("GET http://example.com/?query=private")
    assert text() == ""


def test_a_record_names_its_place_in_the_code(text: Written, caplog: pytest.LogCaptureFixture) -> None:
    log.warning("here")
    record = caplog.records[-1]
    assert (record.pathname, record.funcName) == (__file__, "test_a_record_names_its_place_in_the_code")
    assert Path(__file__).read_text().splitlines()[record.lineno - 1].strip() == 'log.warning("here")'
    assert (record.threadName, record.process) == (threading.current_thread().name, os.getpid())
