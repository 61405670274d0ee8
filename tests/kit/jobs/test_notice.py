"""A plain server says once that it runs no jobs, where nobody else would."""

import logging

import pytest
from stage import use
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kit.jobs import notice
from kit.jobs.notice import WorkerNotice


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("environ", "times"),
    [
        ({"JOBS": "local"}, 1),
        ({"JOBS": "inline"}, 0),
        ({"JOBS": "sqs"}, 0),
        ({"JOBS": "local", notice.VARIABLE: "1"}, 0),
    ],
)
def test_a_server_says_once_that_it_runs_no_jobs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, environ: dict[str, str], times: int
) -> None:
    use(monkeypatch, **environ)
    with caplog.at_level(logging.WARNING), TestClient(WorkerNotice(Starlette())) as client:
        for _ in range(3):
            assert client.get("/").status_code == 404
    assert caplog.text.count("python -m kit jobs worker") == times
