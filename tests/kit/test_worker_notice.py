"""The warning of a server that runs no jobs."""

import logging

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kit import settings
from kit.web import worker_notice
from kit.web.worker_notice import WorkerNotice


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("environ", "times"),
    [
        ({"JOBS": "local"}, 1),
        ({"JOBS": "inline"}, 0),
        ({"JOBS": "sqs"}, 0),
        ({"JOBS": "local", worker_notice.VARIABLE: "1"}, 0),
    ],
)
def test_a_server_without_a_worker_warns_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, environ: dict[str, str], times: int
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()
    with caplog.at_level(logging.WARNING), TestClient(WorkerNotice(Starlette())) as client:
        for _ in range(3):
            assert client.get("/").status_code == 404
    assert caplog.text.count("python -m kit jobs worker") == times
