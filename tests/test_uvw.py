"""`./uvw`: a machine without uv gets the pinned version, and only if its SHA-256 is the one in the file."""

import hashlib
import io
import json
import os
import platform
import re
import runpy
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import pin_uv
from rendering import ROOT, TEMPLATE


def wheel(version: str) -> bytes:
    """A wheel whose uv is a script that prints its version and arguments."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"uv-{version}.data/scripts/uv", f"#!/bin/sh\necho uv {version} $@\n")
    return file.getvalue()


class Index:
    """A package index on 127.0.0.1 that has these versions of uv."""

    def __init__(self, *versions: str, damaged: bool = False) -> None:
        files = {
            f"uv-{version}-py3-none-{tag}.whl": wheel(version) if "linux" in tag else b"for another system"
            for version in versions
            for tag in pin_uv.PLATFORMS
        }
        self.hashes = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
        page = {
            "files": [
                {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": digest}}
                for name, digest in self.hashes.items()
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
    """Start an index for the length of a test: `serve("0.9.9", "0.13.9")`."""
    started: list[Index] = []

    def start(*versions: str, damaged: bool = False) -> Index:
        index = Index(*versions, damaged=damaged)
        threading.Thread(target=index.server.serve_forever, daemon=True).start()
        started.append(index)
        return index

    yield start
    for index in started:
        index.server.shutdown()
        index.server.server_close()


def uvw(
    home: Path, index: str, path: str = "/nowhere", *, script: Path = TEMPLATE / "uvw"
) -> subprocess.CompletedProcess[str]:
    """Run `uvw sync --quiet` in an environment with this home folder, index and PATH."""
    environ = {"HOME": str(home), "PATH": path, "UV_DEFAULT_INDEX": index}
    return subprocess.run(
        [sys.executable, script, "sync", "--quiet"], env=environ, capture_output=True, text=True, check=False
    )


def pinned(folder: Path, version: str, hashes: dict[str, str]) -> Path:
    """Write a copy of `uvw` that pins another version; return its path."""
    script = folder / "uvw"
    script.write_text(pin_uv.pinned(TEMPLATE.joinpath("uvw").read_text(encoding="utf-8"), version, hashes), "utf-8")
    return script


def test_the_pinned_version_is_downloaded_once(tmp_path: Path, serve) -> None:
    index = serve("0.13.8", "0.13.9", "0.14.0")
    script = pinned(tmp_path, "0.13.9", index.hashes)
    assert uvw(tmp_path, index.url, script=script).stdout == "uv 0.13.9 sync --quiet\n"
    again = uvw(tmp_path, "http://127.0.0.1:9/simple", script=script)
    assert (again.stdout, again.stderr) == ("uv 0.13.9 sync --quiet\n", "")


def test_a_newly_pinned_version_is_downloaded_beside_the_old_one(tmp_path: Path, serve) -> None:
    index = serve("0.13.9", "0.14.0")
    for version in ("0.13.9", "0.14.0", "0.13.9"):
        script = pinned(tmp_path, version, index.hashes)
        assert uvw(tmp_path, index.url, script=script).stdout == f"uv {version} sync --quiet\n"


def test_nothing_else_in_the_cache_is_touched(tmp_path: Path, serve) -> None:
    home = tmp_path / "home"
    others = [home / ".cache" / "uv" / "wheel", home / ".cache" / "uvw" / "uv.mine"]
    for path in others:
        path.parent.mkdir(parents=True)
        path.write_text("mine")
    index = serve("0.13.9")
    assert uvw(home, index.url, script=pinned(tmp_path, "0.13.9", index.hashes)).returncode == 0
    program = home / ".cache" / "uvw" / "0.13.9" / "uv"
    assert {path for path in home.rglob("*") if path.is_file()} == {*others, program}
    assert [path.read_text() for path in others] == ["mine"] * 2


@pytest.mark.parametrize("damaged", [True, False])
def test_a_wheel_with_another_hash_is_refused_whatever_the_index_says(tmp_path: Path, serve, damaged: bool) -> None:
    index = serve("0.13.9", damaged=damaged)
    hashes = index.hashes if damaged else dict.fromkeys(index.hashes, "0" * 64)
    done = uvw(tmp_path / "home", index.url, script=pinned(tmp_path, "0.13.9", hashes))
    assert done.returncode == 1
    assert "does not match the SHA-256 in uvw" in done.stderr
    assert not (tmp_path / "home").exists()


def test_an_index_without_the_pinned_version_is_named(tmp_path: Path, serve) -> None:
    done = uvw(tmp_path, serve("0.1.0").url)
    assert done.returncode == 1
    assert "the index has no uv-" in done.stderr


def test_without_a_network_it_says_what_to_install(tmp_path: Path) -> None:
    done = uvw(tmp_path, "http://127.0.0.1:9/simple")
    assert done.returncode == 1
    assert "could not be downloaded from http://127.0.0.1:9/simple" in done.stderr
    assert "Install it: https://" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_installed_uv_is_used(tmp_path: Path) -> None:
    own = tmp_path / "bin" / "uv"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\necho my own uv\n")
    own.chmod(0o755)
    assert uvw(tmp_path, "http://127.0.0.1:9/simple", f"{own.parent}{os.pathsep}/bin").stdout == "my own uv\n"


def test_the_pinned_hashes_are_those_of_the_index() -> None:
    """Pinning the same version again changes nothing."""
    script = TEMPLATE.joinpath("uvw").read_text(encoding="utf-8")
    version = re.search(r'^VERSION = "(.+)"$', script, re.MULTILINE)
    assert version
    assert pin_uv.pinned(script, version[1], pin_uv.index_hashes()) == script


def test_the_images_have_the_pinned_version() -> None:
    script = TEMPLATE.joinpath("uvw").read_text(encoding="utf-8")
    for path in pin_uv.DOCKERFILES:
        images = re.findall(r"ghcr\.io/astral-sh/uv:([\d.]+)", path.read_text(encoding="utf-8"))
        assert images == re.findall(r'^VERSION = "(.+)"$', script, re.MULTILINE), path.relative_to(ROOT)


def test_the_newest_version_is_found_by_number() -> None:
    names = ["uv-0.9.9-py3-none-win_amd64.whl", "uv-0.13.9.tar.gz", "uv-0.13.8-py3-none-win_amd64.whl"]
    assert pin_uv.newest(dict.fromkeys([*names, "uv-0.14.0rc1-py3-none-win_amd64.whl"], "")) == "0.13.8"


def test_every_platform_finds_its_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    module = runpy.run_path(str(TEMPLATE / "uvw"))
    found = set()
    for system, machine, libc in (
        ("darwin", "x86_64", ""),
        ("darwin", "arm64", ""),
        ("linux", "x86_64", "glibc"),
        ("linux", "x86_64", ""),
        ("linux", "aarch64", "glibc"),
        ("linux", "aarch64", ""),
        ("linux", "armv7l", "glibc"),
        ("win32", "AMD64", ""),
        ("win32", "ARM64", ""),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(sys, "platform", system)
            patched.setattr(os, "name", "nt" if system == "win32" else "posix")
            patched.setattr(platform, "machine", lambda machine=machine: machine)
            patched.setattr(platform, "libc_ver", lambda libc=libc: (libc, ""))
            found.add(module["platform_tag"]())
    assert found == set(pin_uv.PLATFORMS)
