"""The rehearsal of a spike: real environments that start at once, on a real MySQL server over TLS."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import containers
import mysql
import rie
from kit.cli import main as command
from kit.coldstart import build_bytecode_pack
from kit.errors import UsageError
from kit.ops.spike import environments, rehearsal, this_machine
from kit.ops.spike.rehearsal import Machine
from rendering import TEMPLATE


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["kit", "spike", "--local", *arguments])
    return command.main()


def test_each_environment_answers_with_a_connection_of_its_own_and_nothing_is_left(image: str, app: Path) -> None:
    options = ["--environments=5", "--requests=3", "--json=-"]
    done = subprocess.run(
        [sys.executable, "-m", "kit", "spike", "--local", *options],
        cwd=app,
        env=os.environ | {"ARG_IMAGE": image},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    burst = result["burst"]
    assert (len(burst["first"]), len(burst["later"]), burst["failed"], burst["lost"]) == (5, 10, [], [])
    assert burst["connections"] == 5, "the server accepts none without TLS"
    assert min(burst["memory"]) > 10
    assert burst["seconds"] * 1000 >= max(burst["first"]) > 5 * min(burst["later"])
    assert result["forecast"]["environments"] == 5
    assert "kit-spike-" not in containers.docker("ps", "--all", "--format", "{{.Names}}")


def test_a_page_that_fails_is_said_with_its_answer(image: str, mysql_server: mysql.Server) -> None:
    containers.require_engine()
    assert isinstance(mysql_server.container, containers.Container)
    url, ca = mysql_server.url_on_network("127.0.0.1"), Path(mysql_server.ca)
    database = environments.Database(mysql_server.container.name, url, ca, lambda: 0)
    event, emulator = build_bytecode_pack.http_event("/missing"), rie.program().parent
    with pytest.raises(UsageError, match=r"The page fails in the image .*, so there is nothing to rehearse: .*404"):
        rehearsal.measure(image, database, Machine(1, 8000), count=1, requests=1, event=event, emulator=emulator)


def test_an_image_that_does_not_exist_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    containers.require_engine()
    with pytest.raises(UsageError, match=r"There is no image missing-app to rehearse with\. Build it: make image"):
        environments.image_of("missing-app")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--environments=100"], "This machine bears 60 environments at most: 100 MB each of 75% of 8,000 MB"),
        (["--environments=0"], "This machine bears 60 environments at most"),
        (["--environments=5", "--requests=0"], "sends each environment 1 to 100 requests, not 0"),
    ],
)
def test_more_than_the_machine_bears_is_refused_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    monkeypatch.setattr(rehearsal, "machine", lambda: Machine(2, 8000))
    assert run(monkeypatch, *options) == 2
    assert sentence in capsys.readouterr().err


def test_without_docker_a_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(monkeypatch) == 2
    assert "LOCAL=1 needs Docker, which is not installed" in capsys.readouterr().err
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    program.chmod(0o755)
    assert run(monkeypatch) == 2
    assert "whose engine doesn't answer: Cannot connect to the Docker daemon" in capsys.readouterr().err


def test_the_emulator_is_that_of_the_pinned_sam() -> None:
    assert environments.EMULATOR == rie.SAM
    assert f'"{rie.SAM}"' in (TEMPLATE / "kit/tools/sam.py").read_text()


def test_a_burst_ends_when_nobody_reads_its_result(tmp_path: Path) -> None:
    """As when the rehearsal is killed: its standard input ends."""
    emulator = tmp_path / "emulator"
    emulator.write_text("#!/bin/sh\nexec sleep 60\n")
    emulator.chmod(0o755)
    script = tmp_path / "burst.py"
    script.write_text(Path(environments.__file__).with_name("burst.py").read_text())
    plan = {"environments": 2, "requests": 1, "event": {}, "command": [], "prepare": [], "seconds": 1}
    done = subprocess.run(
        [sys.executable, str(script)], input=json.dumps(plan) + "\n", capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert "Connection refused" in done.stderr


def test_cores_are_shared_by_the_environments_at_work() -> None:
    """Against the same in small steps of time."""
    work = [[100.0, 130.0, 150.0], [110.0, 112.0, 200.0], [300.0, 310.0, 320.0], [50.0, 60.0, 500.0]]
    for cores in (1, 2, 8):
        step, now, done = 0.01, 0.0, [0.0] * len(work)
        moments: list[list[float]] = [[] for _ in work]
        while any(len(reached) < len(each) for reached, each in zip(moments, work, strict=True)):
            active = [at for at, each in enumerate(work) if len(moments[at]) < len(each)]
            now += step
            for at in active:
                done[at] += step * min(1, cores / len(active))
                while len(moments[at]) < len(work[at]) and done[at] >= work[at][len(moments[at])]:
                    moments[at].append(now)
        times = sorted(end - start for each in moments for start, end in zip([0.0, *each], each, strict=False))
        result = this_machine.of_work(work, cores)
        assert result.seconds == pytest.approx(now / 1000, rel=0.001)
        assert result.p95 == pytest.approx(times[-1], rel=0.001)
