"""The container engine, `kit.ops.engine`: Docker in whatever context, Docker Desktop, rootless, and Podman."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kit.errors import UsageError
from kit.ops import engine
from kit.ops.engine import Engine
from programs import program
from recorders import make, with_recorders


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def prints(text: str, *, code: int = 0, to: str = "1") -> str:
    return f"#!/bin/sh\ncase $1 in info) printf '%s\\n' '{text}' >&{to}; exit {code};; esac\nexit 1\n"


def test_docker_is_used_or_else_podman(path: Path) -> None:
    assert engine.program() is None
    program(path / "podman", "")
    assert engine.program() == "podman"
    program(path / "docker", "")
    assert engine.program() == "docker"


@pytest.mark.parametrize("context", ["default", "desktop-linux", "colima", "orbstack", "rootless"])
def test_the_builder_is_the_one_of_the_context_in_use(path: Path, context: str) -> None:
    program(path / "docker", f"#!/bin/sh\n[ \"$*\" = 'context inspect --format {{{{.Name}}}}' ] && echo {context}\n")
    assert engine.build_environment()["BUILDX_BUILDER"] == context


def test_without_contexts_no_builder_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)
    program(path / "podman", "#!/bin/sh\nexit 125\n")
    assert "BUILDX_BUILDER" not in engine.build_environment()


@pytest.mark.parametrize(
    ("info", "linux", "expected"),
    [
        ({"OperatingSystem": "Debian GNU/Linux 12", "SecurityOptions": ["name=seccomp"]}, True, Engine(False, False)),
        ({"OperatingSystem": "Ubuntu 24.04", "SecurityOptions": ["name=rootless"]}, True, Engine(True, False)),
        ({"OperatingSystem": "Docker Desktop", "SecurityOptions": None}, True, Engine(False, True)),
        ({"OperatingSystem": "Docker Desktop", "SecurityOptions": ["name=cgroupns"]}, False, Engine(False, True)),
        ({"OperatingSystem": "OrbStack"}, False, Engine(False, True)),
        ({"host": {"security": {"rootless": True}}}, True, Engine(True, False)),
        ({"host": {"security": {"rootless": False}}}, True, Engine(False, False)),
        ({"host": {"security": {"rootless": True}}}, False, Engine(True, True)),
    ],
)
def test_engines_are_told_apart_by_what_they_say(
    path: Path, info: dict[str, object], linux: bool, expected: Engine
) -> None:
    program(path / "docker", prints(json.dumps(info)))
    assert engine.require(linux=linux) == expected


@pytest.mark.parametrize(
    "script",
    [
        prints("Cannot connect to the Docker daemon at unix:///x.", code=1, to="2"),
        prints('{"ServerErrors": ["Cannot connect to the Docker daemon at unix:///x."]}'),
    ],
    ids=["exit code", "exit code 0, as with Docker 20.10"],
)
def test_an_engine_that_does_not_run_is_reported_in_its_own_words(path: Path, script: str) -> None:
    program(path / "docker", script)
    with pytest.raises(UsageError, match=r"^docker info failed: Cannot connect to the Docker daemon at unix:///x\.$"):
        engine.require()


def test_deploy_builds_with_the_options_of_make_image(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {"BASE_IMAGE": "company.example/python:3.13", "UV_IMAGE": "company.example/uv:0.13"}
    project = with_recorders(shutil.copytree(app, tmp_path / "my-app"))
    *_, (recorded, _) = make(project, "image", **images)
    for name, value in images.items():
        monkeypatch.setenv(name, value)
    assert recorded == ["docker", "build", *engine.build_options(), "--tag", "my-app", "."]


@pytest.mark.parametrize("typed", ["on the command line", "in the environment"])
def test_deploy_gets_the_companys_images(app: Path, tmp_path: Path, typed: str) -> None:
    project = shutil.copytree(app, tmp_path / "my-app")
    (project / "uvw").write_text("import os\nprint(os.environ['BASE_IMAGE'], os.environ['UV_IMAGE'])\n")
    images = {"BASE_IMAGE": "python:mine", "UV_IMAGE": "uv:mine"}
    words = [f"{name}={value}" for name, value in images.items()] if typed == "on the command line" else []
    environ = os.environ | ({} if words else images)
    (project / "uv.lock").touch()
    done = subprocess.run(["make", "deploy", *words], cwd=project, env=environ, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "python:mine uv:mine"
