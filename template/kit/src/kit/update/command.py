"""`make update`: update to the template's newest version, or change an answer.

The Makefile runs it with Copier in an environment of its own. The changes are left uncommitted. Exit code 0: updated, or
already up to date. 1: refused without changes, or the report says what is left to resolve; run it again then to check
the work tree once more.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kit.update.environment import git_environment
from kit.update.project import (
    ANSWERS,
    UNDO,
    Refused,
    answers_alone,
    committed_answers,
    fatal,
    git,
    read_answers,
    require_clean,
    require_repository,
    uncommitted,
    without_passwords,
)

REPORT = "UPDATE_REPORT"
"""The variable with the file that the template's migration task writes its report to."""
AGAIN = "UPDATE_AGAIN"
"""The variable with the project whose uncommitted update the template's task checks again."""


def main(arguments: list[str]) -> int:
    """Update the project in this folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make update", description=__doc__)
    parser.add_argument("--vcs-ref", metavar="VERSION", help="a version of the template, by default its newest")
    parser.add_argument("--data", metavar="NAME=ANSWER", action="append", default=[], help="change an answer")
    parser.add_argument("--report", metavar="FILE", help="also write the report to this file")
    options = parser.parse_args(arguments)
    new_answers = dict(pair.partition("=")[::2] for pair in options.data)
    try:
        with git_environment():
            if options.report:
                os.environ[REPORT] = str(Path(options.report).absolute())
            return update(Path.cwd(), options.vcs_ref, new_answers)
    except Refused as reason:
        sys.exit(str(reason))
    except FileNotFoundError as error:
        if error.filename != "git":
            raise
        sys.exit("Git is not installed, and an update needs it. Nothing was changed.\nNext: git --version")


def update(project: Path, version: str | None, new_answers: dict[str, str]) -> int:
    """Check the project and let Copier update it; returns the exit code. Raises `Refused`."""
    require_repository(project)
    answers = read_answers(project)
    source, known = str(answers["_src_path"]), answers_alone(answers)
    if unknown := sorted(new_answers.keys() - known.keys()):
        raise Refused(
            f"This version of the template has no question {unknown[0]}, only {', '.join(known)}. Questions of a newer version "
            "can be answered after an update to it.",
            "make update",
        )
    committed = committed_answers(project)
    if committed and committed != answers and uncommitted(project) != [ANSWERS]:
        return check_again(project, answers, version or new_answers)
    require_clean(project)
    print(f"Reading {without_passwords(source)} …", file=sys.stderr)
    bring(project, source, version, answers, known | new_answers)
    if git(project, "status", "--porcelain", "--", "."):
        version = read_answers(project)["_commit"]
        print(
            f"\nThe project has {version} of the template. Next: git status && git diff && make check", file=sys.stderr
        )
    else:
        print("Already up to date.", file=sys.stderr)
    return bool(git(project, "ls-files", "--unmerged", "--", "."))


def bring(project: Path, source: str, version: str | None, answers: dict[str, Any], data: dict[str, Any]) -> None:
    """Let Copier update the project; exits, or raises `Refused`, when it cannot."""
    import copier
    from copier.errors import UserMessageError

    # Copier marks a conflict in the index by object names of SHA-1: in another repository it leaves *.rej files.
    conflict: Any = "inline" if git(project, "rev-parse", "--show-object-format") == "sha1" else "rej"

    def run(reference: str | None) -> None:
        # Every answer is passed explicitly, so that one that is no longer valid is refused instead of replaced.
        copier.run_update(
            project,
            data,
            vcs_ref=reference,
            conflict=conflict,
            defaults=True,
            overwrite=True,
            unsafe=True,
            quiet=True,
        )

    with explained(source, version):
        try:
            run(version)
        except UserMessageError as error:
            if version or "downgrading" not in error.message:
                raise
            # Generated from a commit between two versions, or from a fork: there is nothing newer.
            print(
                f"{answers['_commit']}, which this project has, is ahead of the template's newest version. It stays until "
                "the next one; VCS_REF=HEAD takes the latest commit.",
                file=sys.stderr,
            )
            run(str(answers["_commit"]))


def check_again(project: Path, answers: dict[str, Any], more: object) -> int:
    """Check an uncommitted update in the work tree again, and report what is left to do; returns the exit code."""
    if more:
        raise Refused(
            "The work tree has an uncommitted update. Commit or undo it first.",
            "make update",
            otherwise=f"to drop it: {UNDO}",
        )
    os.environ[AGAIN] = str(project)
    import copier

    print(f"Checking the update to {answers['_commit']}, which is not committed yet …", file=sys.stderr)
    # The template's task runs where Copier has its files: in a temporary copy of the project.
    with explained(str(answers["_src_path"]), None), tempfile.TemporaryDirectory() as folder:
        copier.run_copy(
            str(answers["_src_path"]),
            folder,
            answers_alone(answers),
            vcs_ref=str(answers["_commit"]),
            defaults=True,
            unsafe=True,
            quiet=True,
        )
    print("The update is complete. Next: make check, and commit it.", file=sys.stderr)
    return 0


@contextmanager
def explained(template: str, version: str | None) -> Iterator[None]:
    """Raise `Refused` where Copier would end in a traceback; `version` is the requested one."""
    from copier.errors import TaskError, UserMessageError
    from plumbum import ProcessExecutionError

    template = without_passwords(template)
    try:
        yield
    except TaskError:  # the task has printed the problem
        sys.exit(1)
    except UserMessageError as error:
        if "git-tracked templates" in error.message:
            raise unreachable(template, "there is no repository at this address") from None
        if "owngrad" in error.message:
            raise Refused(f"{version} is older than the version that this project has.", "make update") from None
        # The template ends Copier by an undefined name that is a sentence: see copier.yml.
        message = re.sub(r"""\A'None' has no attribute (['"])(.*)\1\Z""", r"\2", error.message, flags=re.DOTALL)
        raise explanation(without_passwords(message), template, version) from None
    except ValueError as error:
        raise explanation(without_passwords(str(error)), template, version) from None
    except ProcessExecutionError as error:
        stderr = error.stderr if isinstance(error.stderr, str) else str(error.stderr)
        if {"ls-remote", "clone", "remote", "worktree"} & set(error.argv):
            raise explanation(f"fatal: {fatal(stderr)}", template, version) from None
        sys.exit(f"Git failed during the update: {fatal(stderr)}.\nUndo the update, then try again: {UNDO}")
    except OSError as error:
        sys.exit(f"The update failed: {without_passwords(str(error))}.\nUndo it, then try again: {UNDO}")
    except KeyboardInterrupt:
        sys.exit(f"\nStopped. Undo the update: {UNDO}")


def unreachable(template: str, reason: str) -> Refused:
    """Return the refusal for a template that cannot be read."""
    return Refused(
        f"The template at {template} cannot be read: {reason}.",
        "make update",
        otherwise=f"if it has moved: set _src_path in {ANSWERS} to its new address, and commit",
    )


def explanation(message: str, template: str, version: str | None) -> Refused:
    """Return the refusal for an error of Copier's or Git's that occurred before anything was changed."""
    if refused := re.match(r"(?:Validation error for question ')?(?!fatal)([a-z_]+)'?: (.+)", message):
        return Refused(
            f"{refused[1]}: {refused[2]}.",
            f"git log --patch -- {ANSWERS}",
            otherwise=f'another answer: make update DATA="{refused[1]}=ANSWER"',
        )
    if unknown := re.search(r"(?:Unknown revision: '|invalid reference: )([^\s']+)", message):
        if unknown[1] == version:
            return Refused(
                f"The template at {template} has no version {version}; its versions are its tags.",
                f"git ls-remote --tags {template}",
            )
        problem = (
            f"The template at {template} does not have {unknown[1]}, which {ANSWERS} names as this project's version "
            "(_commit)."
        )
        if base := re.fullmatch(r"(.+)-\d+-g[0-9a-f]+", unknown[1]):  # as `git describe` names a commit after a tag
            return Refused(
                f"{problem} Use the version before it.",
                f"sed -i.bak 's/^_commit: .*/_commit: {base[1]}/' {ANSWERS} && rm {ANSWERS}.bak && "
                f"git commit --message 'Name a version of the template' -- {ANSWERS}",
            )
        return Refused(f"{problem} Set it to the nearest one that exists.", f"git ls-remote --tags {template}")
    if message.startswith("fatal:"):
        return unreachable(template, message.removeprefix("fatal: ").rstrip("."))
    return Refused(f"{message.rstrip('.')}.", "make update")
