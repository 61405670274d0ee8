"""`DB=mysql` in a rendered app: a MySQL server in a container for one command, and what is said if that can't be."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2 as httpx
import pytest

import containers
import waiting

READY = "MySQL runs in a container"
SHOW = (
    "from kit.db import database; engine = database.engine(); print(engine.dialect.name, engine.url.query);"
    "print(engine.connect().exec_driver_sql(\"SHOW STATUS LIKE 'Ssl_version'\").one()[1]); raise SystemExit(3)"
)
"""Prints the database's kind, and how the connection is encrypted; then fails."""


@pytest.fixture(scope="module")
def folder(installed_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app of these tests' own, with a test that passes on MySQL alone."""
    app = tmp_path_factory.mktemp("with_database") / installed_app.name
    shutil.copytree(installed_app, app, symlinks=True)
    (app / "tests" / "test_server.py").write_text(
        "from kit.db import database\n\n\n"
        "def test_it_is_mysql() -> None:\n    assert database.engine().dialect.name == 'mysql'\n"
    )
    return app


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where certificates are made: each in a folder that is named as its container."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield tmp_path
    for path in tmp_path.glob("kit-mysql-*"):
        containers.docker("rm", "--force", "--volumes", path.name, check=False)


class Command:
    """A command that runs in the app in a session of its own, as a terminal would run it."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.temporary = Path(os.environ["TMPDIR"])
        self.log = self.temporary / "log"
        clean = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "DATABASE_URL"}}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                arguments,
                cwd=folder,
                env=clean | environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        def printed() -> bool:
            assert self.process.poll() is None or text in self.output, self.output
            return text in self.output

        waiting.until(printed, what=text, seconds=120)

    def container(self) -> str:
        """The name of its container, once that exists."""

        def name() -> str:
            assert self.process.poll() is None, self.output
            return next((path.name for path in self.certificates() if exists(path.name)), "")

        return waiting.until(name, what="the container", seconds=60)

    def removed(self, name: str) -> None:
        """Wait until its container, and the folder with the certificates, are gone."""
        waiting.until(lambda: not exists(name), what=f"removal of {name}", seconds=60)
        waiting.until(lambda: not self.certificates(), what="removal of the folder")

    def certificates(self) -> list[Path]:
        """The folders with a server's certificate."""
        return list(self.temporary.glob("kit-mysql-*"))


def exists(name: str) -> bool:
    return containers.docker("ps", "--all", "--quiet", "--filter", f"name=^{name}$") != ""


def with_database(folder: Path, name: str, *command: str) -> Sequence[str]:
    return (str(folder / ".venv/bin/python"), "-m", "kit", "with-database", name, "--", *command)


def test_the_apps_own_tests_pass_on_a_mysql_server_of_their_own(folder: Path) -> None:
    containers.require_engine()
    command = Command(folder, "make", "test", "DB=mysql")
    name = command.container()
    assert command.process.wait(timeout=300) == 0, command.output
    assert re.search(r"^\d+ passed", command.output, re.MULTILINE)
    assert "Starting mysql:8.4 in a container …" in command.output, "it takes more than two seconds"
    command.removed(name)


def test_the_connection_is_encrypted_and_the_exit_code_the_commands_own(folder: Path) -> None:
    containers.require_engine()
    command = Command(folder, *with_database(folder, "mysql", str(folder / ".venv/bin/python"), "-c", SHOW))
    name = command.container()
    assert command.process.wait(timeout=120) == 3, command.output
    assert re.search(r"^mysql .*\nTLSv1\.[23]$", command.output, re.MULTILINE), command.output
    url, ca = re.search(r"DATABASE_URL=(\S+) DATABASE_CA=(\S+)", command.output).groups()  # type: ignore[union-attr]
    assert url.startswith("mysql://app:")
    assert "@127.0.0.1:" in url
    assert ca.startswith(str(command.temporary))
    command.removed(name)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_the_command_whatever_ends_it(folder: Path, how: signal.Signals) -> None:
    containers.require_engine()
    command = Command(folder, *with_database(folder, "mysql", "sleep", "600"))
    command.wait_for(READY)
    name = command.container()
    os.killpg(command.process.pid, how)
    assert command.process.wait(timeout=30) == -how
    command.removed(name)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_server_is_removed_if_its_start_is_interrupted(folder: Path, how: signal.Signals) -> None:
    containers.require_engine()
    command = Command(folder, *with_database(folder, "mysql", "sleep", "600"))
    name = command.container()
    os.killpg(command.process.pid, how)
    command.process.wait(timeout=30)
    assert READY not in command.output
    assert "Traceback" not in command.output
    command.removed(name)


def test_make_dev_serves_on_a_server_of_its_own_until_ctrl_c(folder: Path) -> None:
    containers.require_engine()
    port = waiting.free_port()
    command = Command(folder, "make", "dev", f"PORT={port}", "DB=mysql")
    command.wait_for("Open http://127.0.0.1")
    name = command.container()
    waiting.until(lambda: waiting.listens(port), what="make dev", seconds=60)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.post("/", data={"text": "on a real server"}).status_code == 303
        assert "on a real server" in client.get("/").text
    tables = containers.docker("exec", name, "sh", "-c", "ls /var/lib/mysql/app")
    assert "messages.ibd" in tables
    os.killpg(command.process.pid, signal.SIGINT)
    command.process.wait(timeout=30)
    assert "Traceback" not in command.output
    command.removed(name)


def sentence(folder: Path, name: str, **environ: str) -> str:
    """What is printed instead of a command's output, without the empty lines around it."""
    command = Command(folder, *with_database(folder, name, "true"), **environ)
    assert command.process.wait(timeout=120) == 2, command.output
    assert "Traceback" not in command.output
    waiting.until(lambda: not command.certificates(), what="removal of the folder")
    return command.output.strip()


def test_another_word_is_refused(folder: Path) -> None:
    assert sentence(folder, "postgres") == "Unknown database 'postgres'. Choose DB=mysql or DB=sqlite."


def test_without_docker_it_is_one_sentence(folder: Path) -> None:
    said = sentence(folder, "mysql", PATH="/nowhere")
    assert said == "DB=mysql needs Docker, which is not installed or not on the PATH."


def test_an_engine_that_does_not_answer_is_one_sentence(folder: Path) -> None:
    containers.require_engine()
    said = sentence(folder, "mysql", DOCKER_HOST=f"unix://{folder}/nobody.sock")
    assert re.fullmatch(r"DB=mysql needs Docker, whose engine doesn't answer: .*nobody\.sock.*", said)


@pytest.mark.parametrize("address", ["ssh://build@elsewhere.example", "tcp://10.1.2.3:2376"])
def test_an_engine_on_another_machine_is_refused(folder: Path, address: str) -> None:
    containers.require_engine()
    said = sentence(folder, "mysql", DOCKER_HOST=address)
    assert re.fullmatch(r"DB=mysql needs a local Docker engine; yours is on (elsewhere\.example|10\.1\.2\.3), .*", said)


def test_an_image_that_cannot_be_downloaded_is_one_sentence(folder: Path) -> None:
    containers.require_engine()
    said = sentence(folder, "mysql", MYSQL_IMAGE="127.0.0.1:1/nobody/mysql:8.4")
    assert "Docker can't download 127.0.0.1:1/nobody/mysql:8.4: " in said


def test_a_server_that_ends_at_once_shows_why(folder: Path) -> None:
    containers.require_engine()
    image = f"spikeproof-test-broken:{os.getpid()}"
    lines = 'FROM mysql:8.4\nENTRYPOINT ["sh", "-c", "echo no space left >&2; exit 3"]\n'
    subprocess.run(["docker", "build", "--quiet", "--tag", image, "-"], input=lines, text=True, check=True)
    try:
        command = Command(folder, *with_database(folder, "mysql", "true"), MYSQL_IMAGE=image)
        assert command.process.wait(timeout=60) == 2
        assert f"{image} ended while it started:\nno space left" in command.output
        waiting.until(lambda: not command.certificates(), what="removal of the folder")
    finally:
        containers.docker("image", "rm", "--force", image, check=False)


def test_sqlite_is_the_laptops_database_whatever_is_set(folder: Path) -> None:
    url = "mysql://app:secret@127.0.0.1:9/production"
    code = "import os; from kit.db import database; print(database.engine().url, os.environ.get('TEST_DATABASE_URL'))"
    command = Command(
        folder,
        *with_database(folder, "sqlite", str(folder / ".venv/bin/python"), "-c", code),
        DATABASE_URL=url,
        TEST_DATABASE_URL=url,
    )
    assert command.process.wait(timeout=60) == 0, command.output
    assert re.search(r"^sqlite\S+ None$", command.output, re.MULTILINE), command.output
