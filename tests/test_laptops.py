"""The laptops that people have, one cell of the matrix a test: it passes there, or ends in one right sentence.

What this machine lacks is stood in for: other Docker contexts, file systems without modes, checkouts with CRLF, older
Pythons. Further cells are beside what they are about: indexes, proxies, homes and Pythons in test_uvw, engines in
test_engine and test_exec_local, Docker without buildx and Windows in test_hooks. `.github/workflows/laptops.yml` has the
machines themselves: macOS, Windows, and two versions of Ubuntu.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import containers
from kit.ops import image as image_module
from programs import program
from pythons import pythons
from releases import commit, copier, copy, git
from rendering import PROGRAMS, ROOT, TEMPLATE


def run(*command: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; what it prints may have no traceback in it."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom Git knows."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "someone@example.com")


# Checkouts from Windows.


@pytest.mark.usefixtures("someone")
def test_git_for_windows_default_leaves_lf_in_the_template_the_project_and_a_clone(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gitconfig").write_text("[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    git(tmp_path, "clone", "--quiet", str(template), "checkout")
    project = copy(tmp_path / "checkout", tmp_path / "photo-wall", "v1.0.0")
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Generate")
    git(tmp_path, "clone", "--quiet", str(project), "clone")
    for folder in (tmp_path / "checkout", project, tmp_path / "clone"):
        tracked = git(folder, "ls-files").splitlines()
        assert "uvw" in tracked or "template/uvw" in tracked
        assert [name for name in tracked if b"\r\n" in (folder / name).read_bytes()] == []
    assert run("./uvw", "--version", cwd=tmp_path / "clone").stdout.startswith("uv ")


# File systems without modes.


@pytest.fixture(params=["0755", "0644"])
def without_modes(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on a file system that gives every file the same mode, as DrvFs, exFAT and SMB do."""
    if not shutil.which("bindfs"):
        pytest.skip("needs bindfs, which mounts a folder without modes")
    (tmp_path / "behind").mkdir()
    folder = tmp_path / "mounted"
    folder.mkdir()
    options = ["--chmod-ignore", "--chown-ignore", "-p", f"{request.param},a+X"]
    done = subprocess.run(["bindfs", *options, tmp_path / "behind", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"bindfs cannot mount here: {done.stderr}")
    yield folder
    subprocess.run(["fusermount", "-u", folder], check=True)


@pytest.mark.usefixtures("someone")
def test_a_project_on_a_file_system_without_modes_is_checked_committed_and_updated(
    without_modes: Path,
    small_copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # nothing is installed: it is about files
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    project = without_modes / "my-app"
    done = copier("copy", "--quiet", "--trust", "--defaults", small_copy, project)
    assert "Traceback" not in done.stdout
    if "0644" in request.node.name:
        assert "Every file in" in done.stdout
        assert "the permission to execute it. Use another folder" in done.stdout
        return
    assert done.returncode == 0, done.stdout
    assert re.search(r"ok +scripts can be run .* this file system has no modes", done.stdout)
    assert programs(project) == PROGRAMS
    assert git(project, "status", "--porcelain") == ""

    program(small_copy / "template" / "tool", "#!/bin/sh\necho a new script\n")
    with (small_copy / "template" / "uvw").open("a") as file:
        file.write("# changed\n")
    commit(small_copy, "v1.0.1")
    kit = {"PYTHONPATH": str(TEMPLATE / "kit" / "src")}
    updated = run("python3", "-m", "kit", "update", cwd=project, PATH=venv_first(), **kit)
    assert updated.returncode == 0, updated.stdout
    assert "The project has v1.0.1 of the template." in updated.stdout
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Update")
    git(tmp_path, "clone", "--quiet", str(project), "clone")
    assert programs(tmp_path / "clone") == PROGRAMS | {"tool"}
    assert run("./tool", cwd=tmp_path / "clone").stdout == "a new script\n"


def programs(project: Path) -> set[str]:
    """The files that Git has as programs."""
    entries = (line.split("\t") for line in git(project, "ls-files", "--stage").splitlines())
    return {name for described, name in entries if described.startswith("100755")}


def venv_first() -> str:
    """A PATH whose python3 has Copier."""
    return f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"


# Pythons.


def test_the_checks_after_copy_run_on_the_oldest_python_that_copier_runs_on(app: Path, tmp_path: Path) -> None:
    python = next(pythons(10), None)
    if not python:
        pytest.skip("there is no Python 3.10 on this machine")
    project = shutil.copytree(app, tmp_path / "my-app")
    offline = {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
    }
    libraries = tmp_path / "libraries"
    install = ["pip", "install", "--quiet", "--python", python, "--target", libraries, "pyyaml"]
    subprocess.run([TEMPLATE / "uvw", *install], check=True)
    done = run(python, ROOT / "hooks" / "check.py", cwd=project, PYTHONPATH=str(libraries), **offline)
    assert done.returncode == 0, done.stdout
    assert re.search(
        r"skip +files parse .* Python 3\.11 or later, which uv brings; copier runs on 3\.10\n", done.stdout
    )
    assert re.search(r"ok +scripts can be run", done.stdout)
    assert re.search(r"skip +dependencies are locked .*no network", done.stdout)


# Docker's contexts.


@pytest.mark.parametrize("context", ["desktop-linux", "colima"])
def test_the_image_is_built_in_the_docker_context_that_is_in_use(
    installed_app: Path, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: str
) -> None:
    host = containers.docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    plugins = Path("~/.docker/cli-plugins").expanduser()
    if plugins.is_dir():
        (tmp_path / "cli-plugins").symlink_to(plugins)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    containers.docker("context", "create", context, "--docker", f"host={host}")
    containers.docker("context", "use", context)
    tag = f"{image}-{context}"
    project = tmp_path / installed_app.name
    shutil.copytree(installed_app, project, ignore=shutil.ignore_patterns(".venv"))
    containers.use_local_images(project)
    done = run("make", "image", f"IMAGE={tag}", cwd=project)
    assert done.returncode == 0, done.stdout
    architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    monkeypatch.setattr(image_module, "PROJECT", project)
    built = image_module.build(architecture)
    assert containers.docker("image", "inspect", "--format", "{{.Id}}", built)
    containers.docker("image", "rm", "--force", tag, check=False)  # by its ID, every other tag would go as well


# Podman, and engines of a company's own.


def test_the_dockerfile_has_what_every_engine_can_build() -> None:
    """Podman 4.3 refuses relative targets of mounts, and its mounts need options of their own where SELinux is on."""
    text = (TEMPLATE / "Dockerfile").read_text(encoding="utf-8")
    assert "--mount" not in text
    assert all(line.split()[-1].startswith("/") for line in re.findall(r"^COPY .*", text, re.MULTILINE))


# Messages that guess.


def test_a_failed_format_check_says_what_failed(app: Path, tmp_path: Path) -> None:
    project = shutil.copytree(app, tmp_path / "my-app")
    (project / "uvw").write_text("import sys\nsys.exit('uv is not installed')\n")
    done = run("make", "check", cwd=project)
    assert done.returncode != 0
    assert "uv is not installed" in done.stdout
    assert "format" not in done.stdout


def test_no_recipe_or_hook_hides_a_failure_behind_a_message_of_its_own() -> None:
    """`|| { echo …; }` would guess the cause; the port check of the demo's Makefile prints Python's own words."""
    for makefile in (ROOT / "Makefile", TEMPLATE / "Makefile", *TEMPLATE.glob("infra/*/infra.mk")):
        recipes = makefile.read_text(encoding="utf-8").replace("\\\n", " ")
        guesses = re.findall(r"^\t.*2>\s*/dev/null.*\|\|\s*\{\s*echo.*", recipes, re.MULTILINE)
        assert guesses == [], makefile
