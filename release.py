"""Releases the current commit: `make release VERSION=1.2.0`.

Validates everything, running the checks and tests last. Then it moves the Unreleased section of CHANGELOG.md to the
new version, commits and tags that, and records the tag's commit in releases.toml. If anything fails, the repository is
reset to where it was. Nothing is pushed.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

GATES = (("make", "check"), ("make", "test"))
"""Commands that must succeed."""

CHANGELOG, UPGRADING, RECORD = "CHANGELOG.md", "docs/upgrading.md", "releases.toml"


class Refused(Exception):
    """The version can't be released; the message says what to do."""


def release(root: Path, version: str, gates: Sequence[Sequence[str]] = GATES) -> None:
    """Release a version; raise `Refused`, with nothing changed, if that is not possible."""
    look(root, version)
    begun = git(root, "rev-parse", "HEAD")
    for gate in gates:
        if subprocess.run(gate, cwd=root, check=False).returncode:  # noqa: S603
            raise Refused(f"`{' '.join(gate)}` fails, so nothing was released.")
    if git(root, "status", "--porcelain") or git(root, "rev-parse", "HEAD") != begun:
        raise Refused("The repository changed during the checks. Look at git status and start again.")
    try:
        write(root, version)
    except BaseException:
        subprocess.run(["git", "tag", "--delete", f"v{version}"], cwd=root, capture_output=True, check=False)  # noqa: S603, S607
        git(root, "reset", "--hard", "--quiet", begun)
        raise


def look(root: Path, version: str) -> None:
    """Raise `Refused` for every problem that can be found without running the checks."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise Refused(f"Invalid version {version!r}; expected e.g. 1.2.0: make release VERSION=1.2.0")
    if changed := git(root, "status", "--porcelain"):
        raise Refused(f"Commit or stash first:\n\n{changed}")
    there = {*recorded(root), *(tag.removeprefix("v") for tag in git(root, "tag", "--list", "v*").split())}
    newest = max(there, key=numbers, default="")
    if newest and numbers(version) <= numbers(newest):
        raise Refused(f"Version {version} is not later than {newest}, which is already released.")
    stated = tomllib.loads(read(root, "pyproject.toml"))["project"]["version"]
    if stated != version:
        raise Refused(
            f"pyproject.toml has version {stated}. Change and commit it: python3 template/uvw version {version}"
        )
    if not re.search(r"^- ", unreleased(root), re.MULTILINE):
        raise Refused(f"{CHANGELOG} has no entries under “Unreleased”. Add what changes for users, and commit.")
    steps = sorted((root / "hooks" / "steps").glob(f"v{version.replace('.', '_')}_*.py"))
    if steps and "### Unreleased\n" not in read(root, UPGRADING):
        raise Refused(f"{steps[0].name} belongs to {version}. Describe it in {UPGRADING} under “### Unreleased”.")
    if not re.search(r".+ <.+>", git(root, "var", "GIT_COMMITTER_IDENT")):
        raise Refused("Git does not know your name: git config user.name and user.email")


def write(root: Path, version: str) -> None:
    """Write the version's sections, commit, tag, and record the commit."""
    for name, mark, instead in (
        (CHANGELOG, "## Unreleased\n", f"## Unreleased\n\n## {version} ({date.today()})\n"),
        (UPGRADING, "### Unreleased\n", f"### {version} ({date.today()})\n"),
    ):
        (root / name).write_text(read(root, name).replace(mark, instead, 1), encoding="utf-8")
    git(root, "commit", "--quiet", "--all", "--message", f"Release {version}")
    git(root, "tag", "--annotate", f"v{version}", "--message", f"Version {version}")
    with (root / RECORD).open("a", encoding="utf-8") as record:
        record.write(f'"{version}" = "{git(root, "rev-parse", "HEAD")}"\n')
    git(root, "commit", "--quiet", "--all", "--message", f"Record {version}")


def unreleased(root: Path) -> str:
    """Return the Unreleased section of CHANGELOG.md."""
    return read(root, CHANGELOG).partition("## Unreleased\n")[2].partition("\n## ")[0]


def recorded(root: Path) -> dict[str, str]:
    """Return the released versions with their commits."""
    commits: dict[str, str] = tomllib.loads(read(root, RECORD))["commits"]
    return commits


def read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def git(root: Path, *arguments: str) -> str:
    """Run a git command and return its output; raise `Refused` with its error message if it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise Refused(f"git {arguments[0]} failed:\n\n{done.stderr or done.stdout}")
    return done.stdout.strip()


if __name__ == "__main__":
    try:
        release(Path(__file__).resolve().parent, sys.argv[1])
    except Refused as reason:
        sys.exit(f"\n{reason}")
    print(f"\nv{sys.argv[1]} is tagged locally. Publish it: git push origin HEAD v{sys.argv[1]}", file=sys.stderr)
