"""The template's part in an update: what it refuses before Copier writes anything, and the report afterwards.

Copier's migration calls it in the project's folder: `update.py before ANSWERS` and `update.py after`. The report is
printed once, at the end, with everything in it: a step or a check that fails ends nothing else.
"""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

if sys.version_info < (3, 11):  # noqa: UP036  (whatever Python copier was installed with)
    sys.exit(f"Copier runs on Python {sys.version.split()[0]} here, and an update needs 3.11. `make update` brings it.")

import yaml

TEMPLATE = Path(__file__).resolve().parent.parent
sys.path.append(str(TEMPLATE / "template" / "kit" / "src"))

import build
import notes
import preconditions
import render
import renders
import steps
from kit.update.command import REPORT
from kit.update.project import (
    ANSWERS,
    UNDO,
    Refused,
    answers_alone,
    committed_answers,
    git,
    git_bytes,
    listed,
    names,
    parsed,
    quoted,
    read_answers,
    require_repository,
    restore_answers,
    uncommitted,
)
from outcome import Outcome
from report import Failed, Report, Skipped


def before(project: Path, since: str, new_answers: dict[str, Any]) -> None:
    """Raise `Refused` if the update would lose something or render another app."""
    from copier.errors import UserMessageError  # slow, and the report afterwards needs no Copier

    require_repository(project)
    answers = read_answers(project)
    require_answers(project, answers, since)
    try:
        rendered = renders.render(TEMPLATE, since, answers, answers | new_answers)
    except (ValueError, UserMessageError):  # an answer that does not hold, which Copier refuses before it writes
        return
    preconditions.require(project, rendered, renders.Committed(project))


def require_answers(project: Path, answers: dict[str, Any], since: str) -> None:
    """Raise `Refused` when an answer is missing: Copier would use the default and render another app."""
    template_config = yaml.safe_load(notes.at(TEMPLATE, since, "copier.yml")) or {}
    questions = {
        name for name, question in template_config.items() if not name.startswith("_") and "when" not in question
    }
    if missing := sorted(questions - answers.keys()):

        def complete(earlier: dict[str, Any]) -> bool:
            return earlier["_commit"] == answers["_commit"] and questions <= earlier.keys()

        raise Refused(
            f"{ANSWERS} lacks {listed(missing)}, which {since} of the template asked for.",
            restore_answers(project, complete),
        )


def after(project: Path, since: str, *, again: bool = False) -> int:
    """Check the updated files, run the steps, and print the report; returns the exit code.

    `again` is for an update that Copier finished earlier: then remaining conflicts are a failure, too.
    """
    changed = set(uncommitted(project))
    old_answers = committed_answers(project) or read_answers(project)
    if not changed:
        since = version_before(project, since)
    rendered = renders.render(TEMPLATE, old_answers["_commit"], old_answers, read_answers(project))
    outcome = Outcome(project, rendered, renders.Committed(project))
    conflicts = outcome.conflicts()
    updated = {name for name in outcome.now if name in changed} if changed else set(outcome.now)
    failures, skipped = checked(project, updated - set(conflicts), quiet=not changed)
    if not render.has_modes(project):
        add_scripts(project, {name for name in updated if name not in outcome.committed})
    results = list(steps.run(TEMPLATE, project, since))
    problems = [
        *failures,
        *(described_loss(outcome) if changed else []),
        *(
            f"{name} has changes of yours that could not be merged: apply them by hand, then delete it"
            for name in outcome.rejected()
        ),
        *(f"step {step.name} {step.problem}" for step in results if step.problem),
    ]
    if not changed and not problems and not conflicts and not results:
        return 0
    report = [
        section("Problems:", problems, f"Fix them, then continue: make update\nOr undo the update: {UNDO}"),
        section(
            "You and the template changed the same lines:",
            conflicts,
            "Resolve them between <<<<<<< and >>>>>>>, or take a whole file: git checkout --ours FILE keeps yours, "
            "git checkout --theirs FILE takes the template's. Then: git add FILE",
        ),
        *(f"To do by hand since {version}:\n\n{note}" for version, note in notes.to_do_by_hand(TEMPLATE, since)),
        section("You had changed these files, which the template no longer has:", described_removals(outcome)),
        section("Symbolic links, left unchanged; the template changed files with these names:", outcome.linked()),
        section(
            "The update added these files, but Git ignores them:",
            outcome.ignored(),
            "To keep them: git add --force FILE",
        ),
        section("Not checked:", skipped),
        section("Done by a step:", [step.name for step in results if not step.problem]),
        section("Changed answers:", described_answers(project, old_answers), MOVING),
        *(f"New in {version}:\n\n{text}" for version, text in notes.news(TEMPLATE, since)),
    ]
    publish("\n\n".join(filter(None, report)))
    return bool(problems) or (bool(conflicts) and (again or not changed))


def version_before(project: Path, version: str) -> str:
    """Return the version that the project had before its last update, as its history says; else this one."""
    for commit in git(project, "log", "--format=%H", "--max-count=100", "--", ANSWERS).split():
        try:
            earlier = str(parsed(git_bytes(project, "show", f"{commit}:./{ANSWERS}"))["_commit"])
        except (subprocess.CalledProcessError, ValueError):
            continue
        if earlier != version:
            return earlier
    return version


def checked(project: Path, paths: set[str], *, quiet: bool) -> tuple[list[str], list[str]]:
    """Run the checks on those files; give what is wrong, and what was skipped. They are shown as they run, unless `quiet`."""
    pristine = TEMPLATE / "build" / "renders" / "new"
    checks = {"files parse": partial(render.files_parse, project, paths)}
    if not quiet:
        # Only what the template brought: a text of the user's may show what a template looks like.
        checks["everything is rendered"] = partial(render.no_marker_is_left, pristine)
        checks["scripts can be run"] = partial(render.scripts_can_be_run, project, paths)
    if (project / "uv.lock").is_file() and "pyproject.toml" in paths:
        checks["dependencies are locked"] = partial(build.lock, project)
    report = None if quiet else Report("Checking what the update brought")
    failures, skipped = [], []
    for name, check in checks.items():
        try:
            report.run(name, check) if report else check()
        except Skipped as reason:
            skipped.append(f"{name}: {reason}")
        except Failed as failure:
            output = "\n".join(failure.output.strip().splitlines()[-40:])
            failures.append(f"{name}: {failure}; to see it again: {failure.again}\n{output}".rstrip())
    return failures, skipped


def add_scripts(project: Path, new_files: set[str]) -> None:
    """Add new scripts to the index as programs: where the file system has no modes, `git add` would not."""
    if scripts := render.scripts(project, new_files):
        git(project, "add", "--chmod=+x", "--", *scripts)


def described_loss(outcome: Outcome) -> list[str]:
    """Return a line for each file that was not updated correctly."""
    return [
        *(f"{name} lacks some of your changes: git diff HEAD -- {quoted([name])}" for name in outcome.lost()),
        *(f"{name} is missing, or was not removed: the update was interrupted" for name in outcome.incomplete()),
    ]


def described_removals(outcome: Outcome) -> list[str]:
    """Return for each changed file that went the command that shows it, and where its contents are now."""
    removed = outcome.removed()
    elsewhere = renders.renamed(TEMPLATE) if removed else {}
    return [
        f"git show {quoted([f'HEAD:./{name}'])}" + (f"   (now {elsewhere[name]})" if name in elsewhere else "")
        for name in removed
    ]


MOVING = (
    "The template's files follow them. What is deployed does not: it stays where and as it is, keeps\n"
    "costing the same, and data stays in its database. `make deploy`, and so the pipeline, refuses a stage that\n"
    "another tool deployed. How to move: docs/upgrading.md of the template, “Changing an answer”."
)


def described_answers(project: Path, old_answers: dict[str, Any]) -> list[str]:
    """Return a line for each answer that changed, with the user's own files that still have the old one."""
    old, new = answers_alone(old_answers), answers_alone(read_answers(project))
    lines = []
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            files = mentioning(project, str(old[name]))
            still = f"; for you to change: {', '.join(files)}" if files else ""
            lines.append(f"{name}: {old[name]} → {new[name]}{still}")
    return lines


def mentioning(project: Path, word: str) -> list[str]:
    """Return the user's own files that have this word in them."""
    search = ["grep", "--name-only", "-z", "--word-regexp", "--fixed-strings", "-e", word, "--", *renders.OWN]
    try:
        return sorted(names(project, *search))
    except subprocess.CalledProcessError:  # it ends with 1 when it finds none
        return []


def section(title: str, items: list[str], advice: str = "") -> str:
    """Return a part of the report: a title, indented items, and what to do; "" without items. It is Markdown, too."""
    if not items:
        return ""
    lines = "\n".join(f"    {line}".rstrip() for item in items for line in item.splitlines())
    return "\n\n".join(filter(None, (title, lines, advice)))


def publish(report: str) -> None:
    """Print the report, and write it to the requested file."""
    if report:
        print(f"\n{report}", file=sys.stderr)
    if file := os.environ.get(REPORT):
        Path(file).write_text(f"{report}\n", encoding="utf-8", errors="backslashreplace")


def main(stage: str, new_answers: str) -> int:
    """Run one of the stages in the project's folder; give the exit code."""
    try:
        if stage == "before":
            before(Path.cwd(), os.environ["VERSION_FROM"], json.loads(new_answers))
            return 0
        return after(Path.cwd(), os.environ["VERSION_FROM"])
    except Refused as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1


def check_again(project: Path) -> int:
    """Report on an update that is in the project's work tree, not committed; give the exit code."""
    old_answers = committed_answers(project) or read_answers(project)
    return after(project, str(old_answers["_commit"]), again=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
