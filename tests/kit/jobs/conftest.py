"""What the tests of jobs share: a database with the kit's tables, and queues on a real SQS server."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from job_queues import WIRED, Queue, make_tables, use

from kit import aws, database, settings, wiring
from kit.jobs import sqs


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A SQLite file with the tables; the sample's jobs are the app's."""
    monkeypatch.setattr(wiring, "JOBS", "sample_jobs")
    use(monkeypatch, DATABASE_URL=f"sqlite:///{tmp_path / 'test.db'}", JOBS="local")
    make_tables()
    yield
    database.engine().dispose()
    settings.current.cache_clear()
    database.engine.cache_clear()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server with AWS's APIs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def queue(db: None, server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Queue]:
    """Make the default queue (or orders.fifo) on the server, and use it."""

    def make(most_receives: int = 13, *, fifo: bool = False) -> Queue:
        use(monkeypatch, **WIRED)
        made = Queue(server, most_receives, fifo)
        name = "orders.fifo" if fifo else "default"
        use(
            monkeypatch,
            **WIRED,
            JOBS="sqs",
            AWS_ENDPOINT_URL=server,
            JOBS_QUEUES=f"{name}={made.url}",
            JOBS_DEAD_QUEUES=f"{name}={made.dead_url}",
        )
        sqs._max_receive_count.cache_clear()
        return made

    return make


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations of AWS that are called."""
    seen: list[str] = []
    post = aws.post

    def spy(service: str, operation: str, *arguments: Any, **named: Any) -> dict[str, Any]:
        seen.append(operation)
        return post(service, operation, *arguments, **named)

    monkeypatch.setattr(aws, "post", spy)
    return seen
