"""The rendered app's own make targets: what they do on a bare machine, and what they say when they cannot."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

import parts
import serving
import waiting
from kit.cli import dev
from kit.errors import UsageError
from kit.settings import Settings, SettingsError


def make(folder: Path, *arguments: str, env: dict[str, str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run make in the app; both outputs come as one."""
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )


def without_venv(**changes: str) -> dict[str, str]:
    """This process's environment, but its virtual one."""
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | changes


def test_its_checks_pass_on_a_machine_with_only_python_git_and_make_and_leave_out_the_kit_and_compiled_templates(
    app: Path, bare: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / app.name
    shutil.copytree(app, folder)
    with (folder / "kit/src/kit/web/forms.py").open("a") as module:
        module.write("import sys, os\nMISTAKE : int = 'one'\n")
    (folder / "kit" / "test_broken.py").write_text("def test_broken() -> None:\n    assert False\n")
    compiled = folder / "app/pages/__pycache__/tmpl_0.py"
    compiled.parent.mkdir(exist_ok=True)
    compiled.write_text("if 0: yield None\n")
    home = tmp_path / "home"  # other tests have downloaded uv into the shared one
    home.mkdir()
    done = make(folder, "check", env=bare | {"HOME": str(home)}, timeout=180)
    assert done.returncode == 0, done.stdout
    assert "Downloading uv" in done.stdout
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE), done.stdout
    assert sorted(path.name for path in folder.iterdir() if path.name not in {file.name for file in app.iterdir()}) == [
        ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "uv.lock",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def drifted(installed_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app with a dependency that its uv.lock doesn't have."""
    folder = tmp_path_factory.mktemp("drifted") / installed_app.name
    shutil.copytree(installed_app, folder, ignore=shutil.ignore_patterns(".venv"))
    project = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(project.replace('"sqlalchemy', '"jinja2",\n    "sqlalchemy', 1))
    os.utime(folder / "uv.lock", (0, 0))  # a checkout gives files any age
    return folder


@pytest.mark.parametrize("target", ["check", "image", "deploy", "preview"])
def test_nothing_is_checked_or_deployed_with_a_lock_that_drifted(drifted: Path, target: str) -> None:
    locked = (drifted / "uv.lock").read_bytes()
    done = make(drifted, target, "PR=1", env=without_venv())
    assert done.returncode == 2
    assert "uv.lock does not match pyproject.toml. Run ./uvw lock, and commit uv.lock." in done.stdout
    assert (drifted / "uv.lock").read_bytes() == locked


def test_an_image_is_not_built_with_a_lock_that_drifted(drifted: Path) -> None:
    (command,) = re.findall(r"uv (sync .*)", (drifted / "Dockerfile").read_text())
    done = subprocess.run(
        ["./uvw", *command.split(), "--dry-run"], cwd=drifted, env=without_venv(), capture_output=True, text=True
    )
    assert (done.returncode, "needs to be updated" in done.stderr) == (1, True), done.stderr


def test_a_pipeline_makes_no_lock_of_its_own(app: Path, tmp_path: Path) -> None:
    folder = tmp_path / app.name
    shutil.copytree(app, folder)
    done = make(folder, "check", env=without_venv(CI="true"))
    assert (done.returncode, (folder / "uv.lock").exists()) == (2, False)
    assert "The repository has no uv.lock. Run ./uvw lock, and commit it." in done.stdout


def test_git_and_github_know_the_kit_as_vendored_and_generated(installed_app: Path, tmp_path: Path) -> None:
    folder = tmp_path / installed_app.name
    shutil.copytree(installed_app, folder, ignore=shutil.ignore_patterns(".venv"))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    shown = subprocess.run(
        ["git", "check-attr", "linguist-vendored", "linguist-generated", "--", "kit/src/kit/aws.py", "app/web.py"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert re.findall(r"^(\S+): linguist-\w+: (\w+)$", shown, re.MULTILINE) == [
        ("kit/src/kit/aws.py", "set"),
        ("kit/src/kit/aws.py", "set"),
        ("app/web.py", "unspecified"),
        ("app/web.py", "unspecified"),
    ]


def test_the_formatter_and_the_linter_leave_a_fresh_render_as_it_is(installed_app: Path, app: Path) -> None:
    done = make(installed_app, "format", env=without_venv())
    assert done.returncode == 0, done.stdout
    for file in app.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert installed_app.joinpath(file.relative_to(app)).read_bytes() == file.read_bytes(), file


def test_make_alone_lists_every_target(app: Path, bare: dict[str, str]) -> None:
    done = make(app, env=bare)
    assert done.returncode == 0
    listed = set(re.findall(r"^  make ([a-z-]+) ", done.stdout, re.MULTILINE))
    (infra,) = app.glob("infra/*/infra.mk")
    assert listed == {
        *re.findall(r"^([a-z-]+):", (app / "Makefile").read_text(), re.MULTILINE),
        *re.findall(r"^([a-z-]+):.*##", infra.read_text(), re.MULTILINE),
    } - {"locked"}  # which others need


FAILING = """from starlette.testclient import TestClient
import pytest
from app import web  # which configures logs before the fixtures run
from kit import testing


def test_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.wall.page", lambda before: {}["no such page"])
    assert client.get("/").status_code == 200


def test_job(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client.post("/", data={"text": "hi"}, headers={"origin": "http://testserver"})
    monkeypatch.setattr("app.jobs.picture.draw", lambda text: {}["no such picture"])
    testing.run_jobs()
"""


def test_a_failing_test_prints_its_traceback_once(installed_app: Path, tmp_path: Path) -> None:
    folder = tmp_path / installed_app.name
    shutil.copytree(installed_app, folder, ignore=shutil.ignore_patterns(".venv"))
    folder.joinpath("tests", "test_failing.py").write_text(FAILING)
    done = make(folder, "test", env=without_venv())
    assert "2 failed" in done.stdout
    for name in ("page", "picture"):
        assert len(re.findall(rf"^(?:E +)?KeyError: 'no such {name}'", done.stdout, re.MULTILINE)) == 1, done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) < 500


def test_commands_print_for_people_where_the_output_is_no_terminal(installed_app: Path, tmp_path: Path) -> None:
    folder = tmp_path / installed_app.name
    shutil.copytree(installed_app, folder, ignore=shutil.ignore_patterns(".venv"))
    for arguments in (["migrate"], ["migrate"], ["migration", "m=nothing new"]):
        done = make(folder, *arguments, env=without_venv())
        assert done.returncode == 0, done.stdout
        assert not re.search(r'^\{"|\bINFO\b|alembic', done.stdout, re.MULTILINE), done.stdout


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port at which another program listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def assert_told(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """It failed, said so in these words, and showed no traceback."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    for word in words:
        assert word in done.stdout, done.stdout


def test_a_taken_port_is_an_error(installed_app: Path, taken_port: int) -> None:
    done = make(installed_app, "dev", f"PORT={taken_port}", env=without_venv())
    assert_told(done, f"Port {taken_port} is in use", "make dev PORT=")


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1"])
def test_only_a_number_from_1_to_65535_is_a_port(port: str) -> None:
    with pytest.raises(UsageError, match=f"Invalid PORT '{port}'"):
        dev.free_port(port)


@pytest.mark.parametrize("port", ["8000; echo injected", ""])
def test_an_invalid_port_is_an_error(installed_app: Path, port: str) -> None:
    assert_told(
        make(installed_app, "dev", f"PORT={port}", env=without_venv()), f"Invalid PORT {port!r}", "make dev PORT=8001"
    )


@pytest.mark.parametrize("host", ["nonsense", "256.0.0.1"])
def test_only_an_address_is_a_host(host: str) -> None:
    with pytest.raises(UsageError, match=f"Invalid HOST '{host}'"):
        dev.parse_host(host)


@pytest.mark.parametrize("host", ["example.com", ""])
def test_an_invalid_host_is_an_error(installed_app: Path, host: str) -> None:
    done = make(installed_app, "dev", f"HOST={host}", env=without_venv())
    assert_told(done, f"Invalid HOST {host!r}", "make dev HOST=0.0.0.0")


def test_an_address_of_another_machine_is_an_error(installed_app: Path) -> None:
    done = make(installed_app, "dev", "HOST=192.0.2.1", env=without_venv())
    assert_told(done, "192.0.2.1 is not an address of this machine", "make dev HOST=0.0.0.0")


def test_other_devices_reach_the_app_where_it_listens_on_every_address(installed_app: Path, tmp_path: Path) -> None:
    with serving.dev(installed_app, database=tmp_path / "app.db", HOST="0.0.0.0") as address:  # noqa: S104
        # Plain HTTP to another address than localhost: browsers send no Sec-Fetch-Site.
        phone = {"host": "192.0.2.7:8000", "origin": "http://192.0.2.7:8000"}
        assert httpx.post(address, data={"text": "Hello"}, headers=phone).status_code == 303
        page = httpx.get(address, headers={"host": phone["host"]})
        assert "Hello" in page.text
        assert "upgrade-insecure-requests" not in page.headers["content-security-policy"]
        report = {"document-uri": address, "effective-directive": "img-src", "blocked-uri": "https://example.com/a.png"}
        assert httpx.post(f"{address}/.kit/policy-reports", json={"csp-report": report}).status_code == 204
    written = (tmp_path / "dev.log").read_text()
    assert "Everyone in this network can use the app" in written
    assert 'To allow it: web.wrap(app, policy=web.allow("img-src", "https://example.com")).' in written


@pytest.mark.parametrize(
    "url", ["nonsense", "postgres://app:hush-hush@host/app", "mysql://app:hush-hush@host:port/app"]
)
def test_only_the_url_of_mysql_or_sqlite_is_a_database_url(url: str) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL.*mysql://user:password@host/database") as failure:
        Settings.load({"DATABASE_URL": url})
    assert "hush-hush" not in str(failure.value)


def test_an_invalid_database_url_is_an_error(installed_app: Path) -> None:
    url = "mysql://app:hush-hush@/app"
    done = make(installed_app, "dev", f"PORT={waiting.free_port()}", env=without_venv(DATABASE_URL=url))
    assert_told(done, "DATABASE_URL", "mysql://user:password@host/database")
    assert "hush-hush" not in done.stdout


@pytest.mark.parametrize("target", ["dev", "migrate"])
def test_an_unreachable_database_is_an_error(installed_app: Path, target: str) -> None:
    url = f"mysql://app:hush-hush@127.0.0.1:{waiting.free_port()}/app"
    done = make(installed_app, target, f"PORT={waiting.free_port()}", env=without_venv(DATABASE_URL=url))
    assert_told(done, "can't be reached", "Check DATABASE_URL and that the server runs")
    assert "hush-hush" not in done.stdout


def test_make_image_without_docker_is_an_error(installed_app: Path, bare: dict[str, str]) -> None:
    done = make(installed_app, "image", env=bare)
    assert_told(done, "Neither Docker nor Podman is installed. Install one: https://docs.docker.com")


def test_make_image_without_a_running_docker_engine_is_an_error(installed_app: Path) -> None:
    parts.program("docker", "podman")
    nowhere = f"tcp://127.0.0.1:{waiting.free_port()}"
    done = make(installed_app, "image", env=without_venv(DOCKER_HOST=nowhere))
    assert re.search("cannot connect to the Docker daemon", done.stdout, re.IGNORECASE), done.stdout
    assert_told(done)
