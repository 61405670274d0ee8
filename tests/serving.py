"""Servers: uvicorn in a thread of this process, and `make dev` of a rendered app, until Ctrl-C."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn as _uvicorn
from starlette.types import ASGIApp

import waiting


@contextmanager
def uvicorn(app: ASGIApp) -> Iterator[str]:
    """Serve an ASGI app with uvicorn on a free port and give its address."""
    port = waiting.free_port()
    server = _uvicorn.Server(_uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        waiting.until(lambda: server.started, what="uvicorn")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def dev(folder: Path, *, database: Path, **environment: str) -> Iterator[str]:
    """Serve the app on a free port and give its address; at the end, Ctrl-C must end it by itself.

    Its output is in dev.log, beside the database.
    """
    port = waiting.free_port()
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    with (database.parent / "dev.log").open("w+") as log:
        process = subprocess.Popen(
            ["make", "dev", f"PORT={port}"],
            cwd=folder,
            env=environ | {"DATABASE_URL": f"sqlite:///{database}"} | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:

            def listens() -> bool:
                assert process.poll() is None, Path(log.name).read_text()
                return waiting.listens(port)

            waiting.until(listens, what="make dev")
            yield f"http://127.0.0.1:{port}"
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=15)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    written = Path(log.name).read_text()
    assert "Traceback" not in written
    assert "runs no jobs" not in written, "a worker runs beside it"
