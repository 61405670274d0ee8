"""GitHub Actions workflows, as data; and the shell of a step, run as a runner runs it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


def workflows(repository: Path) -> dict[str, dict[str, Any]]:
    """Each workflow by its file's stem; YAML reads the key `on` as true, so it is named back."""
    found = {}
    for file in sorted(repository.glob(".github/workflows/*.yml")):
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
        found[file.stem] = {"on" if key is True else key: value for key, value in read.items()}
    return found


def jobs(repository: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, workflow in workflows(repository).items():
        for job, described in workflow["jobs"].items():
            yield f"{name}.{job}", described


def steps(repository: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The steps of every job and of every action of the repository's own."""
    for name, job in jobs(repository):
        for step in job.get("steps", []):
            yield name, step
    for file in sorted(repository.glob(".github/actions/*/action.yml")):
        for step in yaml.safe_load(file.read_text(encoding="utf-8"))["runs"]["steps"]:
            yield file.parent.name, step


def step(repository: Path, job: str, containing: str) -> str:
    """The shell of the one step of a job that contains these words."""
    found = [one["run"] for name, one in steps(repository) if name == job and containing in one.get("run", "")]
    assert len(found) == 1, found
    return found[0]


def run(shell: str, folder: Path, programs: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a step's shell as a runner does that is told of no shell; `programs` stand before the machine's."""
    output = folder.parent / "output"
    output.write_text("")
    return subprocess.run(
        ["bash", "-e", "-c", shell],
        cwd=folder,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder.parent), "GITHUB_OUTPUT": str(output)}
        | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


def cancel(process: subprocess.Popen[str]) -> signal.Signals:
    """End a step as a runner does, by signals to its own process alone; return the one that ended it.

    Source: actions/runner, src/Runner.Sdk/ProcessInvoker.cs, CancelAndKillProcessTree.
    """
    for number, seconds in ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5)):
        process.send_signal(number)
        try:
            process.wait(seconds)
            return number
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    return signal.SIGKILL


def outputs(folder: Path) -> dict[str, str]:
    """What the step told the ones after it."""
    lines = (folder.parent / "output").read_text().splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def program(folder: Path, name: str, shell: str) -> None:
    """Put a program of that name there, made of these lines of shell."""
    folder.mkdir(exist_ok=True)
    folder.joinpath(name).write_text(f"#!/bin/bash\n{shell}\n")
    folder.joinpath(name).chmod(0o755)
