"""What an update asks before it writes anything, and what it tells when it has: on the person's project, once.

Copier's migrations call it in the project's folder: `update.py before` and `update.py after`.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  (whatever Python copier was installed with)
    sys.exit(
        f"Python 3.11 or later is needed, and copier runs on {sys.version.split()[0]}. Install copier with a newer one."
    )

import yaml
from packaging.version import Version

import build
import render
from report import Failed, Report, command

TEMPLATE = Path(__file__).resolve().parent.parent
UPGRADING = "docs/upgrading.md"
OWN = ("app", "migrations", "tests")
"""The person's folders, which an update leaves alone."""


def before(project: Path, version: str) -> int:
    """Refuse a project whose answers are not all there: copier would take defaults, and make another app of it."""
    code, text = command(["git", "show", f"{version}:copier.yml"], TEMPLATE)
    asked = {} if code else yaml.safe_load(text)
    questions = {name for name, question in asked.items() if not name.startswith("_") and "when" not in question}
    missing = sorted(questions - answers((project / render.ANSWERS).read_text(encoding="utf-8")).keys())
    if missing:
        print(
            f"\n{render.ANSWERS} does not say {' and '.join(missing)}, which {version} of the template asked for. "
            f"Bring the answer back (git log -p {render.ANSWERS} has it), commit, and try again. Nothing was changed.",
            file=sys.stderr,
        )
    return bool(missing)


def after(project: Path, since: Version, until: Version) -> int:
    """Check what changed, then name what is left to the person: conflicts, notes, and what no file can do."""
    conflicts = listed(project, "diff", "--name-only", "--relative", "--diff-filter=U")
    changed = listed(project, "ls-files", "--modified", "--others", "--exclude-standard") - conflicts
    if not changed | conflicts:
        return 0
    report = Report("Checking what the update brought")
    try:
        for name, check in render.CHECKS:
            report.run(name, partial(check, project, changed))
        if "pyproject.toml" in changed and (project / "uv.lock").is_file():
            report.run("dependencies are locked", partial(build.lock, project))
    except Failed as failure:
        report.explain(failure, project)
        return 1
    for text in (told_conflicts(conflicts), *notes(since, until), told_answers(project)):
        if text:
            print(f"\n{text}", file=sys.stderr)
    return 0


def listed(project: Path, *arguments: str) -> set[str]:
    """The paths that a git command names, relative to the project."""
    _, output = command(["git", arguments[0], "-z", *arguments[1:]], project)
    return {name for name in output.split("\0") if name}


def told_conflicts(names: set[str]) -> str:
    """Where you and the template changed the same lines, and how to settle that."""
    if not names:
        return ""
    files = "\n".join(f"    {name}" for name in sorted(names))
    return (
        f"You and the template changed the same lines:\n\n{files}\n\n"
        "Settle them between <<<<<<< and >>>>>>>, or take a whole file: git checkout --ours FILE keeps yours, "
        "git checkout --theirs FILE takes the template's. Then: git add FILE"
    )


def notes(since: Version, until: Version) -> Iterator[str]:
    """What the versions that came with this update ask of a person, oldest first."""
    text = (TEMPLATE / UPGRADING).read_text(encoding="utf-8")
    found = re.findall(r"^### (\S+).*\n((?:(?!#).*\n)*)", text, re.MULTILINE)
    for version, note in reversed(found):
        reached = until.local is not None if version == "Unreleased" else since < Version(version) <= until
        if reached and note.strip():
            yield f"To do by hand since {version}:\n\n{note.strip()}"


def told_answers(project: Path) -> str:
    """Which answers are others now, which of the person's files say the old one, and that nothing deployed is moved."""
    code, text = command(["git", "show", f"HEAD:./{render.ANSWERS}"], project)
    was, now = ({} if code else answers(text)), answers((project / render.ANSWERS).read_text(encoding="utf-8"))
    lines = []
    for name in sorted(was.keys() & now.keys()):
        if was[name] != now[name]:
            said = listed(
                project, "grep", "--name-only", "--word-regexp", "--fixed-strings", "-e", str(was[name]), "--", *OWN
            )
            still = f"; yours to change: {', '.join(sorted(said))}" if said else ""
            lines.append(f"    {name}: {was[name]} → {now[name]}{still}")
    if not lines:
        return ""
    return (
        "Other answers than before:\n\n" + "\n".join(lines) + "\n\n"
        "The files of the template's follow them. What is deployed does not: it stays where and as it is, and goes on\n"
        f"costing what it costs, and data stays in its database. How to move: {UPGRADING} of the template,\n"
        "“Changing an answer”."
    )


def answers(text: str) -> Mapping[str, object]:
    """The answers in an answers file, without what copier keeps there for itself."""
    return {name: answer for name, answer in yaml.safe_load(text).items() if not name.startswith("_")}


if __name__ == "__main__":
    if sys.argv[1] == "before":
        sys.exit(before(Path.cwd(), os.environ["VERSION_FROM"]))
    versions = (Version(os.environ[f"VERSION_PEP440_{end}"]) for end in ("FROM", "TO"))
    sys.exit(after(Path.cwd(), *versions))
