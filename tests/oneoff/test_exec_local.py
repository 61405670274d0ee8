"""`./exec --local`: the same commands on this machine."""

import argparse
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from terminals import Terminal

import parts
from kit.ops.engine import Engine
from kit.ops.exec.local import run_command
from programs import path_without, program


def local(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./exec", "--local", *arguments],
        cwd=folder,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_it_runs_in_the_image_where_docker_has_it(installed_app: Path, image: str) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['LOG_LEVEL']); sys.exit(3)"
    done = local(installed_app, "--run", "--env", "LOG_LEVEL=debug", "--", "python", "-c", code, IMAGE=image)
    assert (done.returncode, done.stdout) == (3, "/var/task debug\n")
    assert f"In the image {image}." in done.stderr


def test_the_image_works_on_the_projects_own_sqlite_file(installed_app: Path, image: str) -> None:
    assert local(installed_app, "python", "-m", "kit", "migrate", IMAGE=image).returncode == 0
    terminal = Terminal([str(installed_app / "exec"), "--local"], os.environ | {"IMAGE": image})
    terminal.expect("Models: Message")
    terminal.expect(">>> ")
    terminal.sendline("session.scalars(select(func.count(Message.id))).one()")
    terminal.expect("\n0")
    terminal.sendline("exit(4)")
    assert terminal.ended() == 4
    terminal.leave()
    assert (installed_app / "data" / "app.db").stat().st_uid == os.getuid()


def test_its_time_is_limited_there_too(installed_app: Path, image: str) -> None:
    assert local(installed_app, "--max", "1s", "sleep", "60", IMAGE=image).returncode == 124


def test_without_an_image_it_runs_in_the_projects_environment(installed_app: Path) -> None:
    parts.program("docker", "podman")
    done = local(installed_app, "python", "-c", "import app.models, os; print(os.getcwd())", IMAGE="no-such-image")
    assert (done.returncode, done.stdout.strip()) == (0, str(installed_app))
    assert "there is no image no-such-image yet: make image" in done.stderr


def test_without_docker_it_runs_in_the_projects_environment(installed_app: Path, tmp_path: Path) -> None:
    done = local(installed_app, "nothing-of-this-name", PATH=path_without(tmp_path / "bin", "docker", "podman"))
    assert done.returncode == 2
    assert "In the project's environment; Docker is not installed." in done.stderr
    assert "Can't run nothing-of-this-name: No such file or directory." in done.stderr


def test_an_engine_that_does_not_answer_is_not_taken_for_a_missing_image(installed_app: Path, tmp_path: Path) -> None:
    program(tmp_path / "docker", "#!/bin/sh\necho 'permission denied: /var/run/docker.sock.' >&2; exit 1\n")
    done = local(installed_app, "true", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0
    assert "environment; docker images failed: permission denied: /var/run/docker.sock.\n" in done.stderr


def options(*words: str) -> argparse.Namespace:
    return argparse.Namespace(command=words, environment={}, cpu=None, memory=None, max=60)


HERE = Engine(rootless=False, in_vm=False)


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_URL_SECRET", "DATABASE_CA"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize(("rootless", "user"), [(True, "0:0"), (False, f"{os.getuid()}:{os.getgid()}")])
def test_the_sqlite_file_belongs_to_you_with_a_rootless_engine_too(rootless: bool, user: str) -> None:
    """Root in a container of a rootless engine is you; any other user there would be one of your subordinate ids."""
    command = run_command(replace(HERE, rootless=rootless), "app", ["true"], options())
    assert command[command.index("--user") + 1] == user
    assert command[command.index("--volume") + 1].endswith(":/var/task/data:z")


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize(
    ("url", "in_vm"),
    [
        ("mysql://me:p%40ss@127.0.0.1:3307/app?a=b", "mysql://me:p%40ss@host.docker.internal:3307/app?a=b"),
        ("mysql://me@localhost/app", "mysql://me@host.docker.internal/app"),
        ("mysql://me@[::1]:3306/app", "mysql://me@host.docker.internal:3306/app"),
        ("mysql://me@db.example.com/app", "mysql://me@db.example.com/app"),
        ("sqlite:////var/task/data/app.db", "sqlite:////var/task/data/app.db"),
    ],
)
def test_a_database_on_the_laptop_is_reached_from_a_virtual_machine_too(
    monkeypatch: pytest.MonkeyPatch, url: str, in_vm: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert "host" in run_command(HERE, "app", ["true"], options())
    assert os.environ["DATABASE_URL"] == url
    command = run_command(replace(HERE, in_vm=True), "app", ["true"], options())
    assert "--network" not in command
    assert os.environ["DATABASE_URL"] == in_vm
    assert not any("mysql://" in word for word in command)


@pytest.mark.usefixtures("no_database")
def test_the_databases_ca_is_in_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me@localhost/app")
    monkeypatch.setenv("DATABASE_CA", "/home/me/ca.pem")
    command = run_command(HERE, "app", ["true"], options())
    assert command[command.index("--volume") + 1] == "/home/me/ca.pem:/var/task/ca.pem:ro"
    assert "DATABASE_CA=/var/task/ca.pem" in command
