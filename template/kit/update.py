"""`make update`: bring what the template learned since, or change an answer; say what is wrong in a sentence.

The Makefile runs it where copier is, in an environment of its own. What it brings is left uncommitted, to be looked at.
Exit code 0: brought, or already up to date. 1: not possible, and nothing changed; or conflicts are left to settle.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANSWERS = ".copier-answers.yml"


def main() -> int:
    """Update the project in this folder."""
    parser = argparse.ArgumentParser(prog="make update", description=__doc__)
    parser.add_argument("--vcs-ref", metavar="VERSION", help="a version of the template; else its newest")
    parser.add_argument("--data", metavar="NAME=ANSWER", action="append", default=[], help="another answer")
    arguments = parser.parse_args()
    project = Path.cwd()
    kept = read_answers(project)
    given = dict(pair.partition("=")[::2] for pair in arguments.data)
    if strangers := sorted(given.keys() - asked(kept).keys()):
        sys.exit(
            f"The template asked nothing called {strangers[0]}; it asked {', '.join(asked(kept))}. "
            "What a newer version asks is answered after an update to it."
        )
    must_be_clean(project)
    print(f"Looking at {kept['_src_path']} …", file=sys.stderr)

    import copier

    with explained(kept["_src_path"], arguments.vcs_ref):
        # Every answer is handed over as if given anew: one that no longer holds is refused then, not replaced.
        copier.run_update(
            project,
            asked(kept) | given,
            vcs_ref=arguments.vcs_ref,
            defaults=True,
            overwrite=True,
            unsafe=True,
        )
    if not git(project, "status", "--porcelain", "--", "."):
        print("Already up to date.", file=sys.stderr)
    return bool(git(project, "ls-files", "--unmerged"))


def read_answers(project: Path) -> dict[str, Any]:
    """What the answers file says; exits with a sentence when it is missing, or is none."""
    import yaml  # copier brings it

    back = f"Bring it back as it was: git checkout HEAD -- {ANSWERS}"
    try:
        answers = yaml.safe_load((project / ANSWERS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        sys.exit(f"There is no {ANSWERS} in {project}, which says what the project was made from. {back}")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        sys.exit(f"{ANSWERS} cannot be read. {back}\n\n{error}")
    if not isinstance(answers, dict) or not {"_src_path", "_commit"} <= answers.keys():
        sys.exit(f"{ANSWERS} does not say which template it is of (_src_path), and which version (_commit). {back}")
    return answers


def asked(answers: dict[str, Any]) -> dict[str, Any]:
    """The answers alone, without what copier keeps beside them for itself."""
    return {name: answer for name, answer in answers.items() if not name.startswith("_")}


def must_be_clean(project: Path) -> None:
    """Exit with a sentence where an update could not be told from work that is not committed yet."""
    try:
        changed = git(project, "status", "--porcelain", "--", ".")
    except FileNotFoundError:
        sys.exit("git is not installed, and an update needs it. Install it: https://git-scm.com")
    except subprocess.CalledProcessError:
        sys.exit(f"{project} is in no git repository, and an update needs one: git init && git add -A && git commit")
    if changed:
        sys.exit(f"Commit or stash first, so that you can see what the update brings, and undo it:\n\n{changed}")


def git(project: Path, *arguments: str) -> str:
    """What a git command says; raises CalledProcessError when it fails."""
    call = ["git", "-C", str(project), *arguments]
    return subprocess.run(call, check=True, capture_output=True, text=True).stdout.rstrip()  # noqa: S603


@contextmanager
def explained(template: str, version: str | None) -> Iterator[None]:
    """Exit with a sentence where copier would end in a traceback; `version` is the one that was asked for."""
    from copier.errors import TaskError, UserMessageError
    from plumbum import ProcessExecutionError

    try:
        yield
    except TaskError:  # the task has said what is wrong
        sys.exit(1)
    except UserMessageError as error:
        gone = "git-tracked templates" in error.message
        sys.exit(f"There is no repository at {template}. Nothing was changed." if gone else error.message)
    except ValueError as error:
        sys.exit(explanation(str(error), template, version))
    except ProcessExecutionError as error:
        if not {"ls-remote", "clone", "remote", "worktree"} & set(error.argv):
            raise
        sys.exit(explanation(error.stderr.strip().partition("\n")[0], template, version))
    except KeyboardInterrupt:
        sys.exit("\nStopped. What was committed comes back with: git restore --staged --worktree . && git clean -fd .")


def explanation(said: str, template: str, version: str | None) -> str:
    """A sentence for what copier, or git for it, said before anything was changed."""
    if refused := re.search(r"Validation error for question '(\w+)': (.+)", said):
        return f"{refused[1]}: {refused[2]}. Nothing was changed."
    if unknown := re.search(r"(?:Unknown revision: '|invalid reference: )([^\s']+)", said):
        if unknown[1] == version:
            return (
                f"The template at {template} has no version {version}; its versions are its tags. Nothing was changed."
            )
        return (
            f"The template at {template} does not have {unknown[1]}, which {ANSWERS} says that this project was made "
            f"from (_commit). Put a version there that it has, the nearest before. Nothing was changed."
        )
    if said.startswith("fatal:"):
        return f"The template at {template} cannot be reached. Nothing was changed; try again later.\n\n{said}"
    return f"{said}. Nothing was changed."


if __name__ == "__main__":
    sys.exit(main())
