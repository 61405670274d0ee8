"""Whether the result of an update is right, judged by the files before and after and by what was printed."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from update_matrix.edits import cannot_be_locked, file_link, ignores_what_comes, step_that_fails
from update_matrix.files import OWN, lines, snapshot
from update_matrix.scenario import Scenario
from update_matrix.template import NEWS, NEXT, NOTE, STEP


@dataclass
class Result:
    """What an update came to, and what is wrong with that."""

    scenario: str
    outcome: str = ""
    problems: list[str] = field(default_factory=list)
    output: str = ""
    refusals: int = 0
    killed: bool = False
    """Whether it was killed after it had begun to write, and before it had ended."""
    seconds: float = 0.0


class Oracle(ABC):
    """Judges the updates of one project."""

    plan: Scenario
    result: Result
    project: Path
    before: dict[str, bytes]
    """The files before the update."""
    old: dict[str, bytes]
    """What the project's version of the template made, without the user's own files."""
    new: dict[str, bytes]
    """What the next version makes of the same answers."""

    @abstractmethod
    def update(self, *arguments: str) -> tuple[int, str]:
        """Run what `make update` runs."""

    def report_problem(self, what: str) -> None:
        self.result.problems.append(what)

    @property
    def cannot_be_locked(self) -> bool:
        """Whether the update touches dependencies that cannot be locked."""
        name = "pyproject.toml"
        return cannot_be_locked in self.plan.edits and self.old.get(name) != self.new.get(name)

    def judge(self, code: int, output: str) -> None:
        """Compare the work tree before and after an update that was not refused."""
        after = snapshot(self.project)
        self.result.outcome = "brought" if code == 0 else "left to settle"
        if f"_commit: {NEXT}".encode() not in after.get(".copier-answers.yml", b""):
            self.report_problem("the update did not arrive")
            return
        for name, content in self.before.items():
            own = name.partition("/")[0] in OWN
            template = set() if own else lines(self.old.get(name, b""))
            mine = lines(content) - template
            lines_after = lines(after.get(name, b"")) | {
                line[1:].strip() for line in lines(after.get(f"{name}.rej", b""))
            }
            if missing := mine - lines_after:
                if name not in output:
                    self.report_problem(f"lost, and not named: {name}: {sorted(missing)[:3]}")
                elif own:
                    self.report_problem(f"the user's own file was changed: {name}")
        marked = [
            name
            for name, text in after.items()
            if re.search(rb"^(<{7} before|>{7} after) updating\r?$", text, re.MULTILINE)
        ]
        rejected = [name for name in after.keys() - self.before.keys() if name.endswith(".rej")]
        for name in [*marked, *rejected]:
            if name not in output:
                self.report_problem(f"a conflict that is not named: {name}")
        if (marked or rejected) and code == 0:
            self.report_problem("conflicts, and 0")
        self.check_report(output)
        for name in self.new.keys() - after.keys():
            if not (name in self.old and name not in self.before):
                self.report_problem(f"did not arrive: {name}")
        if step_that_fails in self.plan.edits:
            self.check_retry(code, output)
        if self.cannot_be_locked and (code == 0 or "dependencies are locked" not in output.partition("Problems:")[2]):
            self.report_problem("a failed lock is not told")
        if (
            file_link in self.plan.edits
            and self.new.get("Makefile") != self.old.get("Makefile")
            and "    Makefile" not in output
        ):
            self.report_problem("a link that was left alone is not named")
        if ignores_what_comes in self.plan.edits and "    notes/README.md" not in output:
            self.report_problem("an ignored file that came is not named")
        if self.plan.answer and f"iac: {self.plan.iac} → {self.plan.answer}" not in output:
            self.report_problem("another answer is not told")

    def check_report(self, output: str) -> None:
        if NOTE not in output:
            self.report_problem("the note is not told")
        if NEWS not in output:
            self.report_problem("the news is not told")
        if STEP not in output:
            self.report_problem("the step is not told")

    def check_retry(self, code: int, output: str) -> None:
        """Correct what the failed step complains of, and update again."""
        if code == 0 or f"step {STEP} failed" not in output:
            self.report_problem("a failed step is not told")
        (self.project / "no-days").unlink(missing_ok=True)
        _, again = self.update()
        if not (self.project / "app" / "days.py").exists():
            self.report_problem("a failed step is not done by the next update")
        if NOTE not in again:
            self.report_problem("the note is not told again")
