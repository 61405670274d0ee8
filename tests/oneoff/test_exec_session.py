"""`./exec` in a real terminal: a session in a container of the app's image."""

from exec_client import Exec
from terminals import CTRL_C, CTRL_D

from waiting import until


def test_the_console_has_the_app_its_models_and_a_database_session(aws: Exec) -> None:
    terminal = aws.terminal("--why", "look around")
    terminal.expect("start a task")
    terminal.expect("wait for its exec agent")
    terminal.expect(">>> ")
    terminal.sendline("from kit.db import migrations; migrations.upgrade()")
    terminal.expect(">>> ")
    terminal.sendline("with database.session() as s: s.add(Message(text='from the console'))")
    terminal.expect(r"\.\.\. ")
    terminal.sendline("")
    terminal.expect(">>> ")
    terminal.sendline("session.scalars(select(Message)).one().text.upper(), app.__name__")
    terminal.expect(r"\('FROM THE CONSOLE', 'app'\)")
    terminal.sendline("raise SystemExit(7)")
    assert terminal.ended() == 7
    aws.gone()
    [task] = aws.cloud.tasks.values()
    assert {"key": "why", "value": "look around"} in task.request["tags"]
    assert {"key": "who", "value": "arn:aws:sts::123456789012:assumed-role/developer/ada@example.com"} in task.request[
        "tags"
    ]
    assert aws.cloud.count("ExecuteCommand") == 1


def test_ctrl_c_belongs_to_the_session(aws: Exec) -> None:
    terminal = aws.terminal("python", "-q")
    terminal.expect(">>> ")
    terminal.sendline("import time; print('asl' + 'eep'); time.sleep(60)")
    terminal.expect("asleep")
    terminal.send(CTRL_C)
    terminal.expect("KeyboardInterrupt")
    terminal.expect(">>> ")
    terminal.sendline("6 * 7")
    terminal.expect("42")
    terminal.send(CTRL_D)
    assert terminal.ended() == 0
    aws.gone()


def test_the_session_has_the_windows_size(aws: Exec) -> None:
    terminal = aws.terminal("python", "-q")
    terminal.expect(">>> ")
    terminal.sendline("import os; os.get_terminal_size()")
    terminal.expect(r"columns=80, lines=24")
    terminal.resize(50, 132)

    def resized() -> bool:
        terminal.sendline("os.get_terminal_size()")
        return terminal.expect([r"columns=80, lines=24", r"columns=132, lines=50"]) == 1

    assert until(resized, what="the new size")
    terminal.send(CTRL_D)
    assert terminal.ended() == 0


def test_the_exit_code_of_a_session_is_its_commands(aws: Exec) -> None:
    ends = {"true": 0, "exit 1": 1, "exit 137": 137, "kill -KILL $$": 137}
    opened = {end: aws.terminal("sh", "-c", end) for end in ends}
    codes = {end: terminal.ended() for end, terminal in opened.items()}
    assert codes == ends, [terminal.before for terminal in opened.values()]
    aws.gone()


def test_what_outlives_its_session_is_ended_with_the_task(aws: Exec) -> None:
    assert aws.terminal("sh", "-c", "nohup sleep 300 >/dev/null 2>&1 & exit 0").ended() == 0
    aws.gone()


def test_a_missing_program_is_reported_with_the_available_ones(aws: Exec) -> None:
    terminal = aws.terminal("zsh")
    assert terminal.ended() == 127
    assert "There is no zsh in this image. Available: bash, sh, python." in terminal.before


def test_an_interrupted_session_stops_the_task_and_says_that_its_exit_code_is_unknown(aws: Exec) -> None:
    terminal = aws.terminal(PLUGIN_BREAKS="1")
    assert terminal.ended() == 143
    assert "The session was interrupted" in terminal.before
    aws.gone()


def test_attaching_leaves_the_task_running(aws: Exec) -> None:
    id = aws.run("--run", "--detach", "--why", "long", "--", "sleep", "300").stdout.strip()
    until(aws.cloud.alive, what="the task")
    listed = aws.run("ps")
    assert listed.stdout.splitlines()[1].split() == [id[:8], "running", "60", "min", "ada@example.com", "long"]
    terminal = aws.terminal("attach", id[:6], "--", "sh", "-c", "echo as guest; exit 3")
    terminal.expect("as guest")
    assert terminal.ended() == 0
    assert "The task is still running" in terminal.before
    assert aws.cloud.alive()
    stopped = aws.run("stop")
    assert stopped.returncode == 0
    assert "UserInitiated" in stopped.stderr
    aws.gone()
    assert "No one-off task is running in my-app-prod." in aws.run("ps").stderr
