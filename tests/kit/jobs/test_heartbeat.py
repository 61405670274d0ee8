"""A failing heartbeat is retried at every beat and logged once until it succeeds again."""

import logging
import threading
from collections.abc import Iterator

import pytest

from kit.jobs import heartbeat


def test_consecutive_failures_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()

    def results() -> Iterator[bool]:
        yield from (False, False, False, True, False, False)
        ended.set()
        while True:
            yield False

    result = results()

    def action() -> None:
        if not next(result):
            raise OSError("no answer")

    with heartbeat.beating(action, 0.001, "the lease was not renewed"):
        assert ended.wait(30)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert all(warning.startswith("the lease was not renewed") for warning in warnings)
