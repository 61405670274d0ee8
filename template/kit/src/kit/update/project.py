"""What can be wrong with a project before an update; each refusal names the command that helps."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ANSWERS = ".copier-answers.yml"
UNDO = "git restore --staged --worktree .; git clean -fd ."
"""Restores the last commit, where an update started; a failing post-checkout hook does not prevent it."""

UNFINISHED = {
    "MERGE_HEAD": ("A merge", "git merge --continue", "git merge --abort"),
    "rebase-merge": ("A rebase", "git rebase --continue", "git rebase --abort"),
    "rebase-apply": ("A rebase or `git am`", "git rebase --continue", "git rebase --quit"),
    "CHERRY_PICK_HEAD": ("A cherry-pick", "git cherry-pick --continue", "git cherry-pick --abort"),
    "REVERT_HEAD": ("A revert", "git revert --continue", "git revert --abort"),
}
"""Files in .git that show an unfinished operation, with the commands that continue and abort it."""


class Refused(Exception):
    """The update is not possible, and nothing was changed.

    `problem` is a sentence, `command` what to run next, `otherwise` an alternative.
    """

    def __init__(self, problem: str, command: str, *, otherwise: str = "") -> None:
        self.problem = problem
        choice = f"   (or {otherwise})" if otherwise else ""
        super().__init__(f"{problem} Nothing was changed.\nNext: {command}{choice}")


def git(project: Path, *arguments: str) -> str:
    """Return the standard output of a Git command; raises CalledProcessError when it fails."""
    return git_bytes(project, *arguments).decode(errors="surrogateescape").rstrip("\n")


def git_bytes(project: Path, *arguments: str, input: bytes | None = None) -> bytes:
    """Return the standard output of a Git command as it is; raises CalledProcessError when it fails."""
    call = ["git", "-C", str(project), *arguments]
    return subprocess.run(call, check=True, capture_output=True, input=input).stdout  # noqa: S603


def names(project: Path, *arguments: str) -> list[str]:
    """Return the paths that a Git command with `-z` prints."""
    return [name for name in git(project, *arguments).split("\0") if name]


def listed(paths: Iterable[str], *, at_most: int = 5) -> str:
    """Join some names for a sentence; the rest is counted."""
    every = sorted(paths)
    first = every if len(every) <= at_most + 1 else every[:at_most]
    rest = [f"{len(every) - len(first)} more"] if len(every) > len(first) else []
    parts = [*first, *rest]
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def quoted(paths: Iterable[str]) -> str:
    """Return names as arguments for a shell."""
    return shlex.join(sorted(paths))


def require_repository(project: Path) -> None:
    """Raise `Refused` unless the project is in a Git repository with a commit, and nothing is half done in it."""
    try:
        git(project, "rev-parse", "--show-toplevel")
    except FileNotFoundError:
        raise Refused(
            "Git is not installed, and an update needs it.",
            "git --version",
            otherwise="install it first: https://git-scm.com",
        ) from None
    except subprocess.CalledProcessError as error:
        message = error.stderr.decode(errors="replace")
        if match := re.search(r"git config --global --add safe\.directory (.+)", message):
            raise Refused(
                "Git does not trust this repository, as it belongs to another user.",
                f"git config --global --add safe.directory {match[1]}",
            ) from None
        if "not a git repository" not in message:
            raise Refused(f"Git cannot read this repository: {fatal(message)}.", "git status") from None
        raise Refused(
            f"{project} is in no Git repository, and an update needs one.",
            "git init && git add --all && git commit --message 'Before the update'",
        ) from None
    try:
        git(project, "rev-parse", "--verify", "--quiet", "HEAD")
    except subprocess.CalledProcessError:
        raise Refused(
            "The repository has no commit yet, and an update is compared with the last one.",
            "git add --all && git commit --message 'Before the update'",
        ) from None
    for name, (what, go_on, give_up) in UNFINISHED.items():
        if (project / git(project, "rev-parse", "--git-path", name)).exists():
            raise Refused(f"{what} is not finished.", go_on, otherwise=give_up)


def uncommitted(project: Path) -> list[str]:
    """Return the files of the project that are changed or new since the last commit, by their path in the project."""
    prefix = git(project, "rev-parse", "--show-prefix")
    entries = names(project, "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--", ".")
    return [entry[3:].removeprefix(prefix) for entry in entries]


def require_clean(project: Path) -> None:
    """Raise `Refused` if there is uncommitted work, which could not be told apart from the update."""
    if changed := uncommitted(project):
        raise Refused(
            f"Commit or stash first, so that the update can be reviewed and undone separately: {listed(changed)}.",
            "git stash --include-untracked",
            otherwise=f"to undo an interrupted update: {UNDO}",
        )


def read_answers(project: Path) -> dict[str, Any]:
    """Return the answers; raises `Refused` when the file is missing or invalid."""
    try:
        return parsed((project / ANSWERS).read_bytes())
    except FileNotFoundError:
        problem = f"There is no {ANSWERS} in {project}, which records the template and the answers."
    except ValueError as error:
        problem = f"{ANSWERS} is invalid: {error}."
    raise Refused(problem, restore_answers(project))


def parsed(text: bytes) -> dict[str, Any]:
    """Parse an answers file; raises ValueError if it is invalid."""
    import yaml  # a dependency of Copier's

    if re.search(rb"^(<{7}|>{7}) ", text, re.MULTILINE):
        raise ValueError("it has conflict markers")
    try:
        answers = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ValueError("it is not YAML") from None
    if not isinstance(answers, dict) or not {"_src_path", "_commit"} <= answers.keys():
        raise ValueError("it lacks the template (_src_path) or its version (_commit)")
    return answers


def restore_answers(project: Path, good: Callable[[dict[str, Any]], bool] = lambda answers: True) -> str:
    """Return the command that brings back the newest answers file in Git's history that can be used."""
    try:
        commits = git(project, "log", "--format=%H", "--max-count=100", "--", ANSWERS).split()
    except (subprocess.CalledProcessError, FileNotFoundError):
        commits = []
    for number, commit in enumerate(commits):
        try:
            if not good(parsed(git_bytes(project, "show", f"{commit}:./{ANSWERS}"))):
                continue
        except (subprocess.CalledProcessError, ValueError):
            continue
        if number == 0:
            return f"git checkout HEAD -- {ANSWERS}"
        message = shlex.quote(f"Bring back {ANSWERS}")
        return f"git checkout {commit[:12]} -- {ANSWERS} && git commit --message {message} -- {ANSWERS}"
    return f"git log --all --patch -- {ANSWERS}"


def answers_alone(answers: dict[str, Any]) -> dict[str, Any]:
    """Return the answers without what Copier keeps beside them for itself."""
    return {name: answer for name, answer in answers.items() if not name.startswith("_")}


def committed_answers(project: Path) -> dict[str, Any] | None:
    """Return the answers of the last commit, if it has any that can be used."""
    try:
        return parsed(git_bytes(project, "show", f"HEAD:./{ANSWERS}"))
    except (subprocess.CalledProcessError, ValueError):
        return None


def without_passwords(text: str) -> str:
    """Remove the user and the password from every web address in a text; over SSH the user is no secret."""
    return re.sub(r"(https?://)[^\s'\"]*@", r"\1", text)


def fatal(message: str) -> str:
    """Return the line of Git's that says why it failed: the first one marked so, else the last; without passwords."""
    lines = [line.strip() for line in without_passwords(message).strip().splitlines() if line.strip()]
    marked: Sequence[str] = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))] or lines[-1:]
    return marked[0].partition(": ")[2].rstrip(".") if marked and ": " in marked[0] else " ".join(marked)
