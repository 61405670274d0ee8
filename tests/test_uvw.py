"""`./uvw`: a machine without uv gets the pinned version, and only if its SHA-256 is the one in the file."""

import base64
import hashlib
import io
import os
import platform
import re
import runpy
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError

import pytest
import trustme

import pin_uv
from programs import program
from pythons import pythons
from rendering import TEMPLATE


def wheel(version: str) -> bytes:
    """A wheel whose uv is a script that prints its version and arguments."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"uv-{version}.data/scripts/uv", f"#!/bin/sh\necho uv {version} $@\n")
    return file.getvalue()


class Index:
    """A package index on 127.0.0.1 that has these versions of uv, as the HTML page that every index has.

    With `credentials` (user:password) it answers nobody else. Files are on another host, `localhost`, as PyPI's are.
    """

    def __init__(self, *versions: str, damaged: bool = False, credentials: str = "") -> None:
        files = {
            f"uv-{version}-py3-none-{tag}.whl": wheel(version) if "linux" in tag else b"for another system"
            for version in versions
            for tag in pin_uv.PLATFORMS
        }
        self.hashes = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
        self.authorizations: dict[str, str | None] = {}
        self.redirects: tuple[str, str] | None = None
        expected = f"Basic {base64.b64encode(credentials.encode()).decode()}" if credentials else None
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.authorizations[self.path] = self.headers["Authorization"]
                if index.redirects and self.path.startswith(index.redirects[0]):
                    self.send_response(302)
                    self.send_header("Location", index.redirects[1] + self.path)
                    self.end_headers()
                    return
                if expected and self.path.startswith("/simple/") and self.headers["Authorization"] != expected:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="company"')
                    self.end_headers()
                    return
                body = files.get(self.path.removeprefix("/files/"), index.page.encode())
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body + b"!" * (damaged and self.path.startswith("/files/")))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        port = self.server.server_port
        self.url = f"http://127.0.0.1:{port}/simple"
        self.page = "<!DOCTYPE html>" + "".join(
            f'<a data-requires-python="&gt;=3.8"\n href="http://localhost:{port}/files/{name}#sha256={digest}">{name}</a><br/>'
            for name, digest in self.hashes.items()
        )


@pytest.fixture
def serve() -> Iterator[Callable[..., Index]]:
    """Start an index for the length of a test: `serve("0.9.9", "0.13.9")`."""
    started: list[Index] = []

    def start(*versions: str, damaged: bool = False, credentials: str = "") -> Index:
        index = Index(*versions, damaged=damaged, credentials=credentials)
        threading.Thread(target=index.server.serve_forever, args=[0.01], daemon=True).start()
        started.append(index)
        return index

    yield start
    for index in started:
        index.server.shutdown()
        index.server.server_close()


def uvw(
    home: Path | str, index: str, path: str = "/nowhere", *, script: Path = TEMPLATE / "uvw", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `uvw sync --quiet` in an environment with this home folder, index, PATH and further variables."""
    environ = {"HOME": str(home), "PATH": path, "UV_DEFAULT_INDEX": index} | variables
    return subprocess.run(
        [sys.executable, script, "sync", "--quiet"],
        env={name: value for name, value in environ.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )


def pinned(folder: Path, version: str, hashes: dict[str, str]) -> Path:
    """Write a copy of `uvw` that pins another version; return its path."""
    script = folder / "uvw"
    script.write_text(
        pin_uv.pinned(TEMPLATE.joinpath("kit", "uvw.py").read_text(encoding="utf-8"), version, hashes), "utf-8"
    )
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


@pytest.mark.parametrize(
    "variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"]
)
@pytest.mark.parametrize("installed", [True, False])
def test_a_plain_http_index_is_refused_whoever_would_use_it(tmp_path: Path, variable: str, installed: bool) -> None:
    own = program(tmp_path / "bin" / "uv", "#!/bin/sh\necho my own uv\n")
    address = "mine=http://me:geheim@pypi.example/simple"
    done = uvw(tmp_path / "home", "", str(own.parent) if installed else "/nowhere", **{variable: address})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{variable} is a plain HTTP address")
    assert "geheim" not in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("leads", ["page", "file", "link"])
def test_a_false_uv_over_plain_http_is_neither_run_nor_kept(tmp_path: Path, serve, leads: str) -> None:
    """An index that is sent on to plain HTTP, for its page or for its files; the false host answers on this machine."""
    index, false = serve("0.13.9"), serve("0.13.9")
    elsewhere = f"http://false.example:{false.server.server_port}"
    index.redirects = {"page": ("/simple/", f"{elsewhere}/simple"), "file": ("/files/", elsewhere), "link": None}[leads]
    if leads == "link":
        index.page = index.page.replace("http://localhost", "http://false.example")
    done = uvw(tmp_path / "home", index.url, script=pinned(tmp_path, "0.13.9", false.hashes))
    assert (done.returncode, done.stdout) == (1, "")
    assert "the index leads to a plain HTTP address, which is not safe" in done.stderr
    assert false.authorizations == {}
    assert not (tmp_path / "home").exists()


def test_an_index_without_the_pinned_version_is_named(tmp_path: Path, serve) -> None:
    done = uvw(tmp_path, serve("0.1.0").url)
    assert done.returncode == 1
    assert "the index has no uv-" in done.stderr


def test_without_a_network_it_says_what_to_install(tmp_path: Path) -> None:
    done = uvw(tmp_path, "http://127.0.0.1:9/simple")
    assert done.returncode == 1
    assert "could not be downloaded from 127.0.0.1: Connection refused." in done.stderr
    assert "Install it: https://" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_installed_uv_is_used(tmp_path: Path) -> None:
    own = program(tmp_path / "bin" / "uv", "#!/bin/sh\necho my own uv\n")
    assert uvw(tmp_path, "http://127.0.0.1:9/simple", f"{own.parent}{os.pathsep}/bin").stdout == "my own uv\n"


def test_the_pinned_hashes_are_those_of_the_index() -> None:
    """Pinning the same version again changes nothing."""
    script = TEMPLATE.joinpath("kit", "uvw.py").read_text(encoding="utf-8")
    version = re.search(r'^VERSION = "(.+)"$', script, re.MULTILINE)
    assert version
    assert pin_uv.pinned(script, version[1], pin_uv.index_hashes()) == script


def test_the_benchmark_has_the_pinned_version() -> None:
    script = TEMPLATE.joinpath("kit", "uvw.py").read_text(encoding="utf-8")
    images = re.findall(r"ghcr\.io/astral-sh/uv:([\d.]+)", pin_uv.DOCKERFILE.read_text(encoding="utf-8"))
    assert images == re.findall(r'^VERSION = "(.+)"$', script, re.MULTILINE)


def test_the_newest_version_is_found_by_number() -> None:
    names = ["uv-0.9.9-py3-none-win_amd64.whl", "uv-0.13.9.tar.gz", "uv-0.13.8-py3-none-win_amd64.whl"]
    assert pin_uv.newest(dict.fromkeys([*names, "uv-0.14.0rc1-py3-none-win_amd64.whl"], "")) == "0.13.8"


def test_every_platform_finds_its_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    module = runpy.run_path(str(TEMPLATE / "kit" / "uvw.py"))
    found = set()
    for system, machine, libc in (
        ("darwin", "x86_64", ""),
        ("darwin", "arm64", ""),
        ("linux", "x86_64", "glibc"),
        ("linux", "x86_64", ""),
        ("linux", "aarch64", "glibc"),
        ("linux", "aarch64", ""),
        ("linux", "armv7l", "glibc"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(sys, "platform", system)
            patched.setattr(platform, "machine", lambda machine=machine: machine)
            patched.setattr(platform, "libc_ver", lambda libc=libc: (libc, ""))
            found.add(module["platform_tag"]())
    assert found == set(pin_uv.PLATFORMS)


# Company networks.


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"])
@pytest.mark.parametrize("name", ["", "company="])
def test_credentials_in_the_address_reach_the_index_and_no_other_host(
    tmp_path: Path, serve, variable: str, name: str
) -> None:
    index = serve("0.13.9", credentials="me:p@ss:w/rd")
    address = name + index.url.replace("//", "//me:p%40ss:w%2Frd@")
    script = pinned(tmp_path, "0.13.9", index.hashes)
    done = uvw(tmp_path, "", script=script, **{variable: address})
    assert done.stdout == "uv 0.13.9 sync --quiet\n", done.stderr
    assert "w%2Frd" not in done.stderr
    sent = {path.split("/")[1]: value is not None for path, value in index.authorizations.items()}
    assert sent == {"simple": True, "files": False}


def test_credentials_can_be_in_variables_that_are_named_after_the_index(tmp_path: Path, serve) -> None:
    index = serve("0.13.9", credentials="me:secret")
    login = {"UV_INDEX_MY_COMPANY_USERNAME": "me", "UV_INDEX_MY_COMPANY_PASSWORD": "secret"}
    script = pinned(tmp_path, "0.13.9", index.hashes)
    assert uvw(tmp_path, f"my-company={index.url}", script=script, **login).returncode == 0


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"UV_DEFAULT_INDEX": "http://me:{}@127.0.0.1:9/simple"}, "from 127.0.0.1: Connection refused."),
        ({"UV_DEFAULT_INDEX": "http://me:x/{}@127.0.0.1:9/simple"}, "UV_DEFAULT_INDEX is not a valid address"),
        ({"PIP_INDEX_URL": "http://me:x#{}@127.0.0.1:9/simple"}, "PIP_INDEX_URL is not a valid address"),
        ({"UV_INDEX": "http://me:x?{}@127.0.0.1:9/simple"}, "UV_INDEX is not a valid address"),
        ({"UV_EXTRA_INDEX_URL": "https://a/simple https://me:x/{}@b/simple"}, "UV_EXTRA_INDEX_URL is not a valid"),
        ({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/{}/simple"}, "from 127.0.0.1: Connection refused."),
        ({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple?token={}"}, "from 127.0.0.1: Connection refused."),
        ({"UV_DEFAULT_INDEX": "{}"}, "the address of the index or of a proxy is not valid."),
        ({"https_proxy": "http://me:{}@127.0.0.1:9"}, "from pypi.org: Connection refused."),
        ({"https_proxy": "http://me:x/{}@127.0.0.1:9"}, "could not be downloaded from pypi.org"),
        ({"https_proxy": "http://me:{}@[127.0.0.1:9"}, "could not be downloaded from pypi.org"),
    ],
)  # fmt: skip
def test_no_setting_makes_it_print_a_password(tmp_path: Path, variables: dict[str, str], problem: str) -> None:
    filled = {name: value.format("geheim") for name, value in variables.items()}
    done = uvw(tmp_path, "", **filled)
    assert done.returncode == 1
    assert problem in done.stderr
    assert "geheim" not in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_credentials_end_in_a_sentence(tmp_path: Path, serve) -> None:
    index = serve("0.13.9", credentials="me:right")
    done = uvw(tmp_path, index.url.replace("//", "//me:geheim@"))
    assert "could not be downloaded from 127.0.0.1: HTTP Error 401: Unauthorized." in done.stderr
    assert "geheim" not in done.stderr


def test_pips_index_is_handed_on_to_uv_and_so_are_the_systems_certificates(tmp_path: Path) -> None:
    own = program(tmp_path / "uv", "#!/bin/sh\necho $UV_DEFAULT_INDEX $UV_SYSTEM_CERTS $UV_NATIVE_TLS\n")
    index = "https://me:secret@company.example/simple"
    assert uvw(tmp_path, "", str(own.parent), PIP_INDEX_URL=index).stdout == f"{index} 1 1\n"
    mine = uvw(tmp_path, "https://mine/simple", str(own.parent), PIP_INDEX_URL=index, UV_NATIVE_TLS="0")
    assert mine.stdout == "https://mine/simple 0\n"


def test_a_python_without_certificates_uses_the_systems(tmp_path: Path, serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """As python.org's Python on macOS is, before its "Install Certificates" was run."""
    ca = trustme.CA()
    bundle = tmp_path / "cert.pem"
    ca.cert_pem.write_to_path(str(bundle))
    module = runpy.run_path(str(TEMPLATE / "kit" / "uvw.py"))
    index = serve("0.13.9")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    index.server.socket = context.wrap_socket(index.server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nothing"))
    secure = module["Index"]("UV_DEFAULT_INDEX", index.url.replace("http:", "https:"))
    for bundles, trusted in (((), False), (("/nowhere.pem", str(bundle)), True)):
        module["index_opener"].__globals__["CA_BUNDLES"] = bundles
        if trusted:
            assert "uv-0.13.9" in module["index_page"](secure, module["index_opener"](secure))[1]
        else:
            with pytest.raises(URLError) as failure:
                module["index_page"](secure, module["index_opener"](secure))
            assert "SSL_CERT_FILE names the certificates" in module["reason"](failure.value)


# Homes and caches.


def read_only(folder: Path) -> Path:
    """Make a folder that nobody can write into, root neither: what should be a folder is a file."""
    folder.mkdir()
    folder.joinpath(".cache").write_text("")
    return folder


@pytest.mark.parametrize("installed", [True, False])
def test_a_home_that_cannot_be_written_is_answered_with_the_variables_to_set(tmp_path: Path, installed: bool) -> None:
    home = read_only(tmp_path / "home")
    own = program(tmp_path / "bin" / "uv", "#!/bin/sh\necho my own uv\n")
    path = str(own.parent) if installed else "/nowhere"
    done = uvw(home, "http://127.0.0.1:9/simple", path)
    assert done.returncode == 1
    assert done.stderr == (
        f"{home}/.cache/uv cannot be written, and uv keeps its files there. Use folders that can be, for example:\n"
        "export XDG_CACHE_HOME=/tmp/cache XDG_DATA_HOME=/tmp/data\n"
    )
    elsewhere = uvw(home, "http://127.0.0.1:9/simple", str(own.parent), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert elsewhere.stdout == "my own uv\n"


def test_the_variables_to_set_are_all_that_is_needed(tmp_path: Path, serve) -> None:
    home, index = read_only(tmp_path / "home"), serve("0.13.9")
    script = pinned(tmp_path, "0.13.9", index.hashes)
    assert uvw(home, index.url, script=script, XDG_CACHE_HOME=str(tmp_path / "c")).stdout == "uv 0.13.9 sync --quiet\n"


def test_a_user_without_a_home_is_answered_with_the_variables_to_set() -> None:
    script = "import os, runpy; os.path.expanduser = str; runpy.run_path(os.environ['UVW'], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"UVW": str(TEMPLATE / "uvw"), "PATH": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("This user has no home folder. Set HOME, or XDG_CACHE_HOME and XDG_DATA_HOME")


# Pythons and systems.


@pytest.mark.parametrize("minor", range(7, 15))
def test_it_runs_on_any_python_3(tmp_path: Path, serve, minor: int) -> None:
    interpreter = next(pythons(minor), None)
    if not interpreter:
        pytest.skip(f"there is no Python 3.{minor} on this machine")
    index = serve("0.13.9")
    script = pinned(tmp_path, "0.13.9", index.hashes)
    done = subprocess.run(
        [interpreter, script, "sync"],
        env={"HOME": str(tmp_path), "PATH": "/nowhere", "UV_DEFAULT_INDEX": index.url},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "uv 0.13.9 sync\n"), done.stderr
    assert done.stderr.startswith("Downloading uv 0.13.9")


def test_windows_is_sent_to_wsl_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    module = runpy.run_path(str(TEMPLATE / "kit" / "uvw.py"))
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(SystemExit, match=r"needs Linux or macOS\. On Windows, use WSL2: type `wsl --install`"):
        module["main"]()
