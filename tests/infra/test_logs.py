"""`make logs` of a stage in moto: every line once, formatted on a terminal, JSON in a pipe."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moto_stage
import pytest
from botocore.exceptions import ClientError
from moto_stage import PREFIX, write

from kit.cli import main as command
from kit.ops import log_tail, logs, retry
from kit.ops.log_tail import Line, LogTail
from rendering import ROOT

NOW = 1_790_000_000_000


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(retry.time, "sleep", lambda _: None)
    with moto_stage.running(monkeypatch, logs_alone=True) as session:
        yield session


@pytest.fixture
def show_logs(aws: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> Any:
        monkeypatch.setattr("kit.ops.stage.project_name", lambda: "my-app")
        monkeypatch.setattr(sys, "argv", ["kit", "logs", *arguments])
        command.main()
        return capsys.readouterr()

    return call


def following(aws: Any, since: float = 600) -> LogTail:
    start = int((time.time() - since) * 1000)
    return LogTail(aws.client("logs"), PREFIX, list(log_tail.PARTS), start, lambda _: None)


def test_the_parts_are_merged_in_order_of_time(aws: Any, show_logs: Any) -> None:
    write(aws, "web", {"message": "third"}, ago=10)
    write(aws, "jobs", {"message": "first"}, ago=30)
    write(aws, "tasks", {"message": "second"}, ago=20)
    shown = [json.loads(line) for line in show_logs().out.splitlines()]
    assert [(one["part"], one["message"]) for one in shown] == [
        ("jobs", "first"),
        ("tasks", "second"),
        ("web", "third"),
    ]


def test_since_and_grep_select_lines(aws: Any, show_logs: Any) -> None:
    write(aws, "web", {"message": "old"}, ago=3600)
    write(aws, "web", {"message": "GET /", "status": 200}, {"message": "GET /gone", "status": 404}, ago=5)
    write(aws, "jobs", {"message": "get on with it"}, ago=5)
    assert show_logs("--what", "web").out.count("\n") == 2
    assert show_logs("--what", "web", "--since", "2h").out.count("\n") == 3
    assert "GET /gone" in show_logs("--what", "web", "--grep", "status.*404").out
    assert show_logs("--what", "web,jobs", "--grep", "GET").out.count("\n") == 3


def test_a_late_line_is_shown_and_none_is_shown_twice(aws: Any) -> None:
    write(aws, "web", "one", ago=5)
    stream = following(aws)
    assert [line.text for line in stream.read()] == ["one"]
    assert list(stream.read()) == []
    write(aws, "web", "late", ago=40, stream="another")
    write(aws, "jobs", "later still", ago=55)
    assert [line.text for line in stream.read()] == ["later still", "late"]
    assert list(stream.read()) == []


@pytest.mark.parametrize("seed", range(3))
def test_lines_in_any_order_are_shown_exactly_once(aws: Any, seed: int) -> None:
    chance = random.Random(seed)
    stream, shown, written = following(aws), [], []
    for number in range(12):
        for part in log_tail.PARTS:
            for stream_name in range(chance.randrange(3)):
                name = f"{part} {number} {stream_name}"
                late = chance.uniform(0, log_tail.LATE / 1000 * 0.9)
                write(aws, part, name, ago=late, stream=f"{number} {stream_name}")
                written.append(name)
        shown += [line.text for line in stream.read()]
    assert sorted(shown) == sorted(written)


def test_shown_lines_are_forgotten_in_time(aws: Any) -> None:
    stream = following(aws, since=7200)
    for minutes in range(60, 0, -10):
        for part in log_tail.PARTS:
            write(aws, part, *map(str, range(20)), ago=60 * minutes, stream=f"{minutes}")
        list(stream.read())
    assert len(stream.seen) <= 60


def test_being_throttled_loses_no_line(aws: Any) -> None:
    write(aws, "web", "one", ago=5)
    write(aws, "jobs", "two", ago=4)
    stream, refusals = following(aws), iter(range(4))
    answer = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}

    def throttle(**_: Any) -> None:
        if next(refusals, None) is not None:
            raise ClientError(answer, "FilterLogEvents")

    stream.logs.meta.events.register("before-parameter-build.cloudwatch-logs.FilterLogEvents", throttle)
    assert [line.text for line in stream.read()] == ["one", "two"]
    assert next(refusals, None) is None


def line(text: Any) -> Line:
    return Line(NOW, "1", "web", text if isinstance(text, str) else json.dumps(text))


def test_a_formatted_line_has_time_part_level_message_fields_and_ids() -> None:
    shown = {"time": "-", "level": "INFO", "logger": "app", "message": "GET /", "ms": 12, "request_id": "0123456789"}
    assert logs.formatted(line(shown))[9:] == "web   INFO     GET / ms=12  [01234567]"


def test_an_exception_follows_its_line() -> None:
    shown = logs.formatted(line({"level": "ERROR", "message": "no", "exception": "Traceback\n  at home"}))
    assert shown.splitlines()[1:] == ["    Traceback", "      at home"]


def test_log_text_cannot_control_the_terminal() -> None:
    shown = logs.formatted(line({"message": "GET /\x1b[2J\r", "exception": "\x1b]0;title\x07"}))
    assert "\x1b[2J" not in shown and "\x1b]" not in shown and "\r" not in shown


@pytest.mark.parametrize(
    "text",
    ["START RequestId: 1", "END RequestId: 1", "REPORT RequestId: 1\tDuration: 2 ms", '{"_aws": {}, "Queued": 1}'],
)
def test_metrics_and_platform_lines_are_left_out_on_a_terminal(text: str) -> None:
    assert logs.formatted(line(text)) == ""
    assert json.loads(logs.as_json(line(text)))["part"] == "web"


def test_lambdas_line_about_a_failed_invocation_is_shown() -> None:
    assert "Status: timeout" in logs.formatted(line("REPORT RequestId: 1\tDuration: 29000 ms\tStatus: timeout\n"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--since", "yesterday"], "Invalid SINCE=yesterday; use an age such as 30s"),
        (["--grep", "("], "Invalid regular expression GREP='('"),
        (["--what", "web,db"], "Unknown part in WHAT=: db; use web, jobs, tasks"),
        (["--stage", "test"], "nothing is deployed as my-app-test in eu-central-1"),
    ],
)
def test_invalid_arguments_are_usage_errors(show_logs: Any, arguments: list[str], sentence: str) -> None:
    assert sentence in show_logs(*arguments).err


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`make logs FOLLOW=1` in a process; a line is written before it starts, and another a second later."""
    program = tmp_path / "follow.py"
    program.write_text(
        "import sys, threading, pytest, moto_stage\n"
        "from kit.cli import main as command\n"
        "from kit.ops import logs\n"
        "logs.POLL_SECONDS = 0.1\n"
        "patch = pytest.MonkeyPatch()\n"
        "patch.setattr('kit.ops.stage.project_name', lambda: 'my-app')\n"
        "with moto_stage.running(patch, logs_alone=True) as session:\n"
        "    moto_stage.write(session, 'web', {'message': 'before'})\n"
        "    threading.Timer(1, moto_stage.write, [session, 'web', {'message': 'while'}]).start()\n"
        "    sys.argv = ['kit', 'logs', '--follow']\n"
        "    sys.exit(command.main())\n"
    )
    path = os.pathsep.join(str(ROOT / folder) for folder in ("template", "tests", "tests/infra"))
    command = [sys.executable, str(program)]
    environ = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_it_follows_until_ctrl_c_and_ends_silently(follower: Any) -> None:
    shown = [json.loads(follower.stdout.readline())["message"] for _ in range(2)]
    follower.send_signal(signal.SIGINT)
    rest, error = follower.communicate(timeout=60)
    assert (shown, rest, error, follower.returncode) == (["before", "while"], b"", b"", 0)


def test_a_closed_pipe_ends_it_silently(follower: Any) -> None:
    follower.stdout.readline()
    follower.stdout.close()
    assert (follower.wait(timeout=60), follower.stderr.read()) == (0, b"")
