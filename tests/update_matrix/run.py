"""Playing a scenario with `make update`."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from releases import copy, git
from update_matrix.configs import environment
from update_matrix.edits import Project
from update_matrix.files import same, snapshot, template_files
from update_matrix.obstacles import AWAY, folder_link
from update_matrix.oracle import Oracle, Result
from update_matrix.scenario import Scenario
from update_matrix.template import NEXT

UNDO = "git restore --staged --worktree .; git clean -fd ."
PROGRAM = (sys.executable, "-P", "-W", "ignore", "-m", "kit", "update")


class Run(Oracle):
    """Plays one scenario in a folder of its own."""

    def __init__(self, plan: Scenario, template: Path, bases: Path, folder: Path) -> None:
        self.plan, self.template, self.bases, self.base = plan, template, bases, folder
        self.result = Result(str(plan))
        self.rng = random.Random(plan.number)
        self.arguments = ["--data", f"iac={plan.answer}"] if plan.answer else []

    def play(self) -> Result:
        """Play the scenario."""
        begun = time.monotonic()
        self.prepare()
        self.before = snapshot(self.project)
        self.perform()
        self.result.seconds = time.monotonic() - begun
        return self.result

    def perform(self) -> None:
        """Update the project, and judge what comes of it."""
        self.killed() if self.plan.way == "kill" else self.by_make()

    def prepare(self) -> None:
        """Create the project with its edits and its obstacle."""
        self.base.mkdir(parents=True)
        source = self.base / "wall"
        rendered = self.rendered(self.plan.release, self.plan.iac)
        if "iac:" not in (rendered / ".copier-answers.yml").read_text():  # a release that did not ask for it
            self.plan = replace(self.plan, iac="sam", answer="")
            self.arguments = []
        shutil.copytree(rendered, source, symlinks=True)
        self.old = template_files(rendered)
        self.new = template_files(self.rendered(NEXT, self.plan.answer or self.plan.iac))
        git(source, "init", "--quiet", "--initial-branch", "main")
        git(source, "add", "--all")
        git(source, "commit", "--quiet", "--message", "Generate")
        edited = Project(source, self.old, self.new, self.rng)
        for edit in self.plan.edits:
            edit(edited)
        obstacle = self.plan.obstacle(edited) if self.plan.obstacle else iter(())
        next(obstacle, None)
        git(source, "add", "--all")
        git(source, "commit", "--quiet", "--allow-empty", "--message", "As we like it")
        self.project = self.plan.checkout(source, self.base)
        edited.folder = self.project
        self.environ = environment(self.plan.config, self.base / "home")
        next(obstacle, None)
        # A configuration that changes what a checkout looks like is there before the checkout, and so before the update.
        subprocess.run(["git", "status"], cwd=self.project, env=self.environ, capture_output=True, check=False)

    def rendered(self, version: str, iac: str) -> Path:
        """What a version makes of the answers; rendered once for all scenarios."""
        folder = self.bases / f"{version}-{iac}"
        if not folder.is_dir():
            partly = folder.with_name(f"{folder.name}.{os.getpid()}")
            copy(self.template, partly, version, iac=iac)
            try:
                partly.rename(folder)
            except OSError:  # another process was faster
                shutil.rmtree(partly)
        return folder

    def update(self, *arguments: str) -> tuple[int, str]:
        """Run what `make update` runs, with the programs of this work tree."""
        process = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.project,
            env=self.environ | {"PWD": str(self.project)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        self.result.output += f"\n$ update {' '.join(arguments)}\n{process.stdout}"
        if "Traceback" in process.stdout:
            self.report_problem("a traceback")
        return process.returncode, process.stdout

    def by_make(self) -> None:
        """Update, and after each refusal do what it advises and update again."""
        code, output = self.update(*self.arguments)
        while refused(output) and self.result.refusals < 5:
            self.result.refusals += 1
            if code != 1:
                self.report_problem(f"refused with {code}")
            if not self.follow(output):
                self.result.outcome = "refused"
                return
            code, output = self.update(*self.arguments)
        if self.plan.obstacle and not self.result.refusals:
            self.report_problem("nothing was refused")
        self.judge(code, output)

    def follow(self, output: str) -> bool:
        """Check a refusal and do what it advises; returns whether to update again."""
        if snapshot(self.project) != self.before:
            self.report_problem("a refusal changed something")
        advice = output[output.index("Nothing was changed") :]
        reason = output[: output.index("Nothing was changed")].rstrip().rpartition("\n\n")[2].rpartition(" …\n")[2]
        if len((reason + advice).strip().splitlines()) > 3:
            self.report_problem(f"a refusal of more than three lines: {reason + advice}")
        match = re.search(r"^Next: (.+?)(?:   \((.+)\))?$", advice, re.MULTILINE)
        if not match:
            self.report_problem("a refusal without a next command")
            return False
        command = match[1]
        if AWAY in output:
            configuration = self.environ["GIT_CONFIG_GLOBAL"]  # the network is back
            redirect = (f"url.file://{self.template}.insteadOf", AWAY)
            subprocess.run(["git", "config", "--file", configuration, *redirect], check=True)
        if command.startswith("make update"):
            return True
        # A user whose own hooks refuse every commit would have to repair them first.
        without_hooks = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.hooksPath",
            "GIT_CONFIG_VALUE_0": os.devnull,
        }
        environ = self.environ | without_hooks
        process = subprocess.run(
            ["bash", "-c", command], cwd=self.project, env=environ, capture_output=True, text=True, check=False
        )
        self.result.output += f"\n$ {command}\n{process.stdout}{process.stderr}"
        if process.returncode:
            self.report_problem(f"the next command fails: {command}")
            return False
        self.before = snapshot(self.project) | {
            f"kept/{n}": c for n, c in self.before.items() if n not in snapshot(self.project)
        }
        kept = self.base / "home" / f"kept-from-{self.project.name}"
        lost = {
            name
            for name, content in self.before.items()
            if name.startswith("kept/") and content not in {*snapshot(kept).values(), *snapshot(self.project).values()}
        }
        if lost and not command.startswith("git stash") and self.plan.obstacle is not folder_link:
            self.report_problem(f"the next command lost {lost}")
        self.before = snapshot(self.project)
        return True

    def killed(self) -> None:
        """Kill the update at a random moment, undo it, and update again."""
        process = subprocess.Popen(
            [*PROGRAM, *self.arguments], cwd=self.project, env=self.environ, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        limit, begun = self.kill_time(), time.monotonic()
        while process.poll() is None and not limit(time.monotonic() - begun):
            time.sleep(0.002)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            self.result.killed = True
        process.wait()
        lock = Path(git(self.project, "rev-parse", "--git-path", "index.lock"))
        (self.project / lock).unlink(missing_ok=True)  # as Git says itself
        undo = subprocess.run(
            ["bash", "-c", UNDO], cwd=self.project, env=self.environ, capture_output=True, text=True, check=False
        )
        if undo.returncode:
            self.report_problem(f"the undo fails: {undo.stderr}")
        after = snapshot(self.project)
        # Line ends may differ where the update had brought .gitattributes: for Git both are the same.
        if lost := {name for name, content in self.before.items() if not same(after.get(name), content)}:
            self.report_problem(f"the undo did not bring back {sorted(lost)[:3]}")
        if left := {name for name in after.keys() - self.before.keys() if not same(after[name], self.new.get(name))}:
            self.report_problem(f"the undo left {sorted(left)[:3]}")
        code, output = self.update(*self.arguments)
        if refused(output):
            self.report_problem("after the undo the update is refused")
            return
        self.judge(code, output)

    def kill_time(self) -> Callable[[float], bool]:
        """A function that says when to kill the update: mostly after it has written the first file."""
        wait = self.rng.random()
        seen: list[float] = []

        def due(elapsed: float) -> bool:
            if self.rng.random() < 0.02 and not seen and self.touched():
                seen.append(elapsed)
            return bool(seen) and elapsed - seen[0] > wait * 1.5

        return due

    def touched(self) -> bool:
        """Whether the update has written to the project."""
        answers = self.project / ".copier-answers.yml"
        notes = self.project / "notes"
        return notes.exists() or not answers.is_file() or answers.read_bytes() != self.before[".copier-answers.yml"]


def refused(output: str) -> bool:
    """Whether an update ended with a refusal."""
    return "Nothing was changed" in output
