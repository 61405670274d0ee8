"""`./exec --local`: the same commands on this machine."""

import os
import subprocess
from pathlib import Path

from terminals import Terminal


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
    done = local(installed_app, "python", "-c", "import app.models, os; print(os.getcwd())", IMAGE="no-such-image")
    assert (done.returncode, done.stdout.strip()) == (0, str(installed_app))
    assert "there is no image no-such-image yet: make image" in done.stderr


def test_without_docker_it_runs_in_the_projects_environment(installed_app: Path, tmp_path: Path) -> None:
    """With a PATH that has everything but docker."""
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            if program.name != "docker" and not (tmp_path / program.name).exists():
                (tmp_path / program.name).symlink_to(program)
    done = local(installed_app, "nothing-of-this-name", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "Docker is not installed" in done.stderr
    assert "Can't run nothing-of-this-name: No such file or directory." in done.stderr
