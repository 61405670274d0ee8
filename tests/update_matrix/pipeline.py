"""Playing a scenario with the steps of the generated update.yml."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import workflows
from releases import git
from update_matrix.edits import step_that_fails
from update_matrix.run import PROGRAM, Run
from update_matrix.template import NEXT, STEP


class PipelineRun(Run):
    """Updates by the steps of the generated workflow instead of by hand."""

    def perform(self) -> None:
        """Run the steps of update.yml twice: in the second week nothing passes silently, either."""
        from test_workflow_steps import GitHub

        origin = self.base / "origin.git"
        git(self.base, "clone", "--quiet", "--bare", str(self.project), str(origin))
        git(self.project, "remote", "add", "origin", str(origin))
        github = self.base / "runner"
        github.mkdir()
        GitHub(github, [])
        call = " ".join([*PROGRAM, *self.arguments])
        workflows.program(github / "bin", "make", f'[ "$1" = update ] || exit 9\nexec {call} --report "${{2#REPORT=}}"')
        app = self.rendered(NEXT, self.plan.iac)
        temp, artifact = github / "temp", github / "artifact"
        environ = self.environ | {"GITHUB_OUTPUT": str(github / "output"), "RUNNER_TEMP": str(temp)}
        (hooks,) = [one["env"] for name, one in workflows.steps(app) if name == "update.propose" and "env" in one]
        hooks = {name: str(value) for name, value in hooks.items() if name.startswith("GIT_")}
        main = git(self.project, "rev-parse", "main").strip()
        for week in (1, 2):
            self.check_out(main, temp)
            code, output = self.step(app, "update.update", "make update", github, environ)
            draft = workflows.outputs(github / "x").get("draft", "")
            if code == 0 and draft:
                shutil.rmtree(artifact, ignore_errors=True)
                shutil.copytree(temp / "update", artifact)
                self.check_out(main, temp)
                more_environ = hooks | {"DRAFT": draft, "GITHUB_RUN_ID": "7"}
                code, more = self.step(app, "update.propose", "kit/propose_update.sh", github, environ | more_environ)
                output += more
            self.result.output += f"\n# week {week}: {code}\n{output}"
            file = github / "pulls.json"
            pulls = json.loads(file.read_text()) if file.exists() else []
            if code:
                self.result.outcome = "red"
                if "::error::" not in output:
                    self.report_problem("red without a reason")
                if not self.plan.obstacle:
                    self.report_problem("red, and nothing stands in the way")
            elif self.plan.obstacle:
                self.report_problem("green, though something stands in the way")
            elif not pulls:
                self.report_problem("green, and nothing says why")
            elif week == 2 and "::warning::" not in output:
                self.report_problem("green in the second week without a word")
            else:
                self.result.outcome = "proposed"
                self.proposed(pulls[0], origin)

    def check_out(self, main: str, temp: Path) -> None:
        """Make the project, and the runner's temporary folder, what they are on a new runner."""
        git(self.project, "checkout", "--quiet", "--force", "main")
        git(self.project, "reset", "--quiet", "--hard", main)
        git(self.project, "clean", "-fdq")
        shutil.rmtree(temp, ignore_errors=True)
        temp.mkdir()

    def step(self, app: Path, job: str, words: str, github: Path, environ: dict[str, str]) -> tuple[int, str]:
        """Run a job's step that contains `words`."""
        (github / "output").write_text("")
        # The workflow is the new version's, so its script is too; the project has an older one, or none.
        shell = workflows.step(app, job, words).replace("kit/propose_update.sh", str(app / "kit/propose_update.sh"))
        process = subprocess.run(
            ["bash", "-e", "-c", shell],
            cwd=self.project, env=environ | {"PATH": f"{github / 'bin'}:{environ['PATH']}"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
        return process.returncode, process.stdout

    def proposed(self, pull: dict[str, str], origin: Path) -> None:
        """Check what the pull request says against what is in its branch."""
        body = pull["body"]
        self.check_report(body)
        files = git(origin, "ls-tree", "-r", "-z", "--name-only", pull["head"]).split("\0")
        for name in filter(None, files):
            text = subprocess.run(
                ["git", "show", f"{pull['head']}:{name}"], cwd=origin, capture_output=True, check=True
            ).stdout
            if re.search(rb"^<{7} before updating\r?$", text, re.MULTILINE) and (name not in body or not pull["draft"]):
                self.report_problem(f"a conflict is not in the pull request: {name}")
        failures = {
            f"step {STEP} failed": step_that_fails in self.plan.edits,
            "dependencies are locked": self.cannot_be_locked,
        }
        for words, expected in failures.items():
            if expected and (words not in body or not pull["draft"]):
                self.report_problem(f"the pull request does not say: {words}")
