"""Every shell script, as shellcheck reads it; the shell of workflows is read with them."""

import subprocess

import pytest

import parts
from rendering import ROOT


def scripts() -> list[str]:
    """What begins with a line for a shell, of all that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        with (ROOT / name).open("rb") as file:
            first = file.readline(80)
        if first.startswith(b"#!") and b"sh" in first.split(b"/")[-1]:
            found.append(name)
    return found


def test_there_is_a_script_to_read() -> None:
    assert ".ci/run" in scripts()


@pytest.mark.parametrize("script", scripts())
def test_shellcheck_finds_nothing(script: str) -> None:
    done = subprocess.run([parts.program("shellcheck"), script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
