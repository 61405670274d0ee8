"""`./exec --run`: a command as the task itself, with its output streamed and its exit code."""

import json

from exec_client import Exec

import containers
from waiting import until

COUNT = "import time\nfor pause in (3, 0.1, 0): print('line', pause, flush=True); time.sleep(pause)"


def test_the_output_comes_while_the_command_runs(aws: Exec) -> None:
    lines = []
    with aws.begin("--run", "--", "python", "-c", COUNT) as client:
        assert client.stdout
        for line in client.stdout:
            lines.append(line.rstrip())
            if line.startswith("line 3"):
                assert aws.cloud.alive(), "the first line is there before the command has ended"
    assert client.returncode == 0
    assert lines[-3:] == ["line 3", "line 0.1", "line 0"]


def test_the_exit_code_is_the_commands(aws: Exec) -> None:
    ends = {
        "true": 0,
        "exit 1": 1,
        "exit 2": 2,
        "exit 124": 124,
        "exit 137": 137,
        "kill -KILL $$": 137,
        "exit 255": 255,
    }
    begun = {end: aws.begin("--run", "--", "sh", "-c", end) for end in ends}
    results = {end: (client.communicate()[0], client.returncode) for end, client in begun.items()}
    assert {end: code for end, (_, code) in results.items()} == ends
    assert "time" not in results["exit 124"][0], "it was its own exit code, not the end of its time"


def test_what_is_written_to_both_streams_comes_to_standard_output(aws: Exec) -> None:
    done = aws.run("--run", "--", "sh", "-c", "echo out; echo err >&2; printf unended")
    assert sorted(done.stdout.splitlines()) == ["err", "out", "unended"]


def test_it_is_stopped_after_its_lifetime_and_says_so(aws: Exec) -> None:
    done = aws.run("--run", "--max", "2s", "--", "sleep", "300")
    assert done.returncode == 124
    assert "Timed out after 2 s (--max)." in done.stderr
    assert not aws.cloud.alive()


def test_the_log_says_who_started_it_why_and_how_it_ended(aws: Exec) -> None:
    assert aws.run("--run", "--why", "the invoice of May (#42)", "--", "true").returncode == 0
    [task] = aws.cloud.tasks.values()
    begun, ended = map(json.loads, containers.docker("logs", task.id).splitlines())
    assert (begun["message"], begun["why"], begun["command"]) == (
        "one-off started",
        "the invoice of May (#42)",
        ["true"],
    )
    assert begun["who"].endswith("/ada@example.com")
    assert (ended["message"], ended["code"]) == ("one-off ended", 0)
    assert {"key": "why", "value": "the invoice of May __42_"} in task.request["tags"]


def test_a_detached_command_is_followed_to_its_end(aws: Exec) -> None:
    begun = aws.run("--run", "--detach", "--", "sh", "-c", "echo begun; sleep 3; echo done; exit 3")
    id = begun.stdout.strip()
    assert f"./exec follow --stage prod {id[:8]}" in begun.stderr
    followed = aws.run("follow", id[:8])
    assert (followed.returncode, followed.stdout) == (3, "begun\ndone\n")
    again = aws.run("follow", id)
    assert (again.returncode, again.stdout) == (3, "begun\ndone\n"), "an ended task can be looked at by its whole id"


def test_a_network_failure_is_retried(aws: Exec) -> None:
    with aws.begin("--run", "--", "sh", "-c", "echo begun; sleep 2; echo done; exit 3") as client:
        assert client.stdout
        until(lambda: "begun" in client.stdout.readline(), what="the command")
        aws.cloud.drops.append(lambda *_: True)
        until(lambda: not aws.cloud.alive(), what="the end of the command, unseen")
        aws.cloud.drops.clear()
        notice, done = client.stdout.read().splitlines()
    assert notice.startswith("AWS is not reachable right now"), "and it is said once"
    assert done == "done"
    assert client.returncode == 3
    assert aws.cloud.count("RunTask") == 1


def test_cpu_memory_and_environment_are_the_tasks(aws: Exec) -> None:
    options = ["--cpu", "1024", "--memory", "4096", "--env", "GREETING=a=b c"]
    done = aws.run("--run", *options, "--", "python", "-c", "import os; print(os.environ['GREETING'])")
    assert done.stdout == "a=b c\n"
    [task] = aws.cloud.tasks.values()
    assert (task.request["overrides"]["cpu"], task.request["overrides"]["memory"]) == ("1024", "4096")


def test_an_image_in_which_nothing_can_be_run_gives_ecs_own_reason(aws: Exec) -> None:
    aws.cloud.backend.image = "spikeproof-test-no-such-image"  # type: ignore[attr-defined]
    done = aws.run("--run", "--", "true")
    assert done.returncode == 2
    assert "The task did not start. TaskFailedToStart" in done.stderr
    assert "CannotStartContainerError" in done.stderr
