"""`./uvw`: a machine without uv gets it, the newest for this machine, and only if it is what the index says."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rendering import TEMPLATE

OTHERS = ["py3-none-win32", "py3-none-win_amd64", "py3-none-macosx_11_0_arm64", "py3-none-manylinux_2_17_s390x"]
LINUX = "py3-none-{}_2_17_x86_64", "py3-none-{}_2_17_aarch64"


def wheel(version: str) -> bytes:
    """A wheel whose uv is a script that tells its version."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"uv-{version}.data/scripts/uv", f"#!/bin/sh\necho uv {version} $@\n")
    return file.getvalue()


class Index:
    """A package index on 127.0.0.1 that has these versions of uv, in this order."""

    def __init__(self, versions: list[str], *, damaged: bool = False) -> None:
        tags = [tag.format(libc) for tag in LINUX for libc in ("manylinux", "musllinux")]
        files = {f"uv-{version}-{tag}.whl": wheel(version) for version in versions for tag in tags}
        files |= {f"uv-{version}-{tag}.whl": b"of another machine" for version in versions for tag in OTHERS}
        page = {
            "files": [
                {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": hashlib.sha256(body).hexdigest()}}
                for name, body in files.items()
            ]
        }

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = files.get(self.path.removeprefix("/files/"), json.dumps(page).encode())
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body + b"!" * (damaged and self.path.startswith("/files/")))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"


@pytest.fixture
def serve() -> Iterator[type[Index]]:
    """Start an index for the length of a test: `serve(["0.9.9", "0.13.9"])`."""
    started: list[Index] = []

    def start(versions: list[str], *, damaged: bool = False) -> Index:
        index = Index(versions, damaged=damaged)
        threading.Thread(target=index.server.serve_forever, daemon=True).start()
        started.append(index)
        return index

    yield start
    for index in started:
        index.server.shutdown()
        index.server.server_close()


def uvw(home: Path, index: str, path: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    environ = {"HOME": str(home), "PATH": path, "UV_DEFAULT_INDEX": index}
    return subprocess.run(
        [sys.executable, TEMPLATE / "uvw", "sync", "--quiet"], env=environ, capture_output=True, text=True, check=False
    )


def test_the_newest_release_is_taken_and_kept(tmp_path: Path, serve) -> None:
    index = serve(["0.13.9", "0.14.0rc1", "0.9.9"])
    assert uvw(tmp_path, index.url).stdout == "uv 0.13.9 sync --quiet\n"
    again = uvw(tmp_path, "http://127.0.0.1:9/simple")
    assert (again.stdout, again.stderr) == ("uv 0.13.9 sync --quiet\n", "")


def test_nothing_else_in_the_cache_is_touched(tmp_path: Path, serve) -> None:
    others = [tmp_path / ".cache" / "uv" / "wheel", tmp_path / ".cache" / "uvw" / "uv.mine"]
    for path in others:
        path.parent.mkdir(parents=True)
        path.write_text("mine")
    assert uvw(tmp_path, serve(["0.13.9"]).url).returncode == 0
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {*others, tmp_path / ".cache" / "uvw" / "uv"}
    assert [path.read_text() for path in others] == ["mine"] * 2


def test_a_wheel_that_is_not_what_the_index_says_is_refused(tmp_path: Path, serve) -> None:
    done = uvw(tmp_path, serve(["0.13.9"], damaged=True).url)
    assert done.returncode == 1
    assert "SHA-256 differs" in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_a_network_it_says_what_to_install(tmp_path: Path) -> None:
    done = uvw(tmp_path, "http://127.0.0.1:9/simple")
    assert done.returncode == 1
    assert "cannot be fetched from http://127.0.0.1:9/simple" in done.stderr
    assert "Install it: https://" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_uv_that_is_there_is_used(tmp_path: Path) -> None:
    own = tmp_path / "bin" / "uv"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\necho my own uv\n")
    own.chmod(0o755)
    assert uvw(tmp_path, "http://127.0.0.1:9/simple", f"{own.parent}{os.pathsep}/bin").stdout == "my own uv\n"
