"""Releases the current commit as a version: `make release VERSION=1.2.0`.

The preconditions are checked first, the gates last. Then the Unreleased section of CHANGELOG.md becomes the version's,
which is committed and tagged, and the tag's commit is recorded in releases.toml. The branch and the tag are pushed at once
or not at all, so that a tag which `copier update` would serve is never without its branch. If anything fails on the way,
the repository is reset to where it was. Without a remote called origin nothing is pushed.

The tag is signed if Git has a key for that: `git config user.signingkey`, with `gpg.format` for an SSH key.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

GATES = (("make", "check"), ("make", "test"))
"""The commands that must pass."""

CHANGELOG, UPGRADING, RECORD = "CHANGELOG.md", "docs/upgrading.md", "releases.toml"
REMOTE, BRANCH = "origin", "main"


class Refused(Exception):
    """This version cannot be released; the message says what to do first."""


class Unsure(Refused):
    """It is not known whether the version was published."""


def release(root: Path, version: str, gates: Sequence[Sequence[str]] = GATES) -> None:
    """Release the version; raises `Refused` if it cannot, and has changed nothing then, unless that is `Unsure`."""
    check(root, version)
    if is_published(root):
        check_remote(root, version)
    commit = git(root, "rev-parse", "HEAD")
    for gate in gates:
        if subprocess.run(gate, cwd=root, check=False).returncode:  # noqa: S603
            raise Refused(f"`{' '.join(gate)}` fails, so nothing was released.")
    if git(root, "status", "--porcelain") or git(root, "rev-parse", "HEAD") != commit:
        raise Refused("The repository changed while it was checked. Look at git status, then start again.")
    try:
        write(root, version)
        if is_published(root):
            publish(root, version)
    except Unsure:
        raise
    except BaseException:
        subprocess.run(["git", "tag", "--delete", f"v{version}"], cwd=root, capture_output=True, check=False)  # noqa: S603, S607
        git(root, "reset", "--hard", "--quiet", commit)
        raise


def check(root: Path, version: str) -> None:
    """Raise `Refused` for the first precondition that is not met."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise Refused(f"Invalid version {version!r}; expected for example: make release VERSION=1.2.0")
    if changed := git(root, "status", "--porcelain"):
        raise Refused(f"Commit or stash first:\n\n{changed}")
    released = {*recorded(root), *(tag.removeprefix("v") for tag in git(root, "tag", "--list", "v*").split())}
    newest = max(released, key=numbers, default="")
    if newest and numbers(version) <= numbers(newest):
        raise Refused(f"{version} is not later than {newest}, which is released.")
    declared = tomllib.loads(read(root, "pyproject.toml"))["project"]["version"]
    if declared != version:
        raise Refused(
            f"pyproject.toml has the version {declared}. Set it and commit: python3 template/uvw version {version}"
        )
    if not re.search(r"^- ", unreleased(root), re.MULTILINE):
        raise Refused(
            f"{CHANGELOG} has no entries under “Unreleased”. Describe the changes for users there, and commit."
        )
    steps = sorted((root / "hooks" / "steps").glob(f"v{version.replace('.', '_')}_*.py"))
    if steps and "### Unreleased\n" not in read(root, UPGRADING):
        raise Refused(
            f"{steps[0].name} is a migration step of {version}. Describe it in {UPGRADING}, under “### Unreleased”."
        )
    if not re.search(r".+ <.+>", git(root, "var", "GIT_COMMITTER_IDENT")):
        raise Refused("Git has no identity. Set it with: git config user.name and git config user.email")


def is_published(root: Path) -> bool:
    """Whether this clone has the remote that releases are pushed to."""
    return REMOTE in git(root, "remote").split()


def check_remote(root: Path, version: str) -> None:
    """Raise `Refused` if the remote is ahead of this clone, or has this version's tag."""
    branch = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    if branch != BRANCH:
        raise Refused(f"Releases are made from {BRANCH}, and this is {branch}. Run: git switch {BRANCH}")
    refs = remote_refs(root, version)
    if f"refs/tags/v{version}" in refs:
        raise Refused(f"{REMOTE} has the tag v{version} already. Get it: git fetch --tags {REMOTE}")
    tip = refs.get(f"refs/heads/{BRANCH}")
    command = ["git", "merge-base", "--is-ancestor", tip or "HEAD", "HEAD"]
    if subprocess.run(command, cwd=root, capture_output=True, check=False).returncode:  # noqa: S603
        raise Refused(f"{BRANCH} of {REMOTE} has commits that this clone lacks. Run: git pull")


def remote_refs(root: Path, version: str) -> dict[str, str]:
    """What the remote has of the branch and the tag, with the objects that they name."""
    lines = git(root, "ls-remote", REMOTE, f"refs/heads/{BRANCH}", f"refs/tags/v{version}").splitlines()
    return {name: sha for sha, name in (line.split() for line in lines)}


def publish(root: Path, version: str) -> None:
    """Push the branch and the tag at once; raises `Refused` with the remote's reason, or `Unsure` without an answer."""
    command = ["push", "--quiet", "--atomic", REMOTE, f"HEAD:refs/heads/{BRANCH}", f"refs/tags/v{version}"]
    try:
        git(root, *command)
    except Refused as refusal:
        try:
            served = remote_refs(root, version).get(f"refs/tags/v{version}")
        except Refused as silence:
            raise Unsure(
                f"{refusal}\n\n{REMOTE} does not say whether it has the version, so the release is kept here. Look at "
                f"git ls-remote {REMOTE}; then: git {' '.join(command)}"
            ) from silence
        if served != git(root, "rev-parse", f"refs/tags/v{version}"):  # else the answer alone was lost
            raise Refused(
                f"{refusal}\n\nNothing was published. Whoever releases must be allowed to push to {BRANCH} and to create "
                "tags v*: see “Who may release” in docs/design.md"
            ) from None


def sign_option(root: Path) -> str:
    """Return git tag's option: signed if Git has a key, or is configured to sign tags."""
    for name in ("user.signingkey", "tag.gpgsign"):
        done = subprocess.run(["git", "config", name], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603, S607
        if done.stdout.strip() not in {"", "false"}:
            return "--sign"
    return "--annotate"


def write(root: Path, version: str) -> None:
    """Add the version's sections, commit, tag, and record the commit."""
    for name, mark, instead in (
        (CHANGELOG, "## Unreleased\n", f"## Unreleased\n\n## {version} ({date.today()})\n"),
        (UPGRADING, "### Unreleased\n", f"### {version} ({date.today()})\n"),
    ):
        (root / name).write_text(read(root, name).replace(mark, instead, 1), encoding="utf-8")
    git(root, "commit", "--quiet", "--all", "--message", f"Release {version}")
    git(root, "tag", sign_option(root), f"v{version}", "--message", f"Version {version}")
    with (root / RECORD).open("a", encoding="utf-8") as record:
        record.write(f'"{version}" = "{git(root, "rev-parse", "HEAD")}"\n')
    git(root, "commit", "--quiet", "--all", "--message", f"Record {version}")


def unreleased(root: Path) -> str:
    """The changelog of the coming version."""
    return read(root, CHANGELOG).partition("## Unreleased\n")[2].partition("\n## ")[0]


def recorded(root: Path) -> dict[str, str]:
    """The released versions, each with the commit that its tag names."""
    commits: dict[str, str] = tomllib.loads(read(root, RECORD))["commits"]
    return commits


def read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def git(root: Path, *arguments: str) -> str:
    """The output of a Git command; raises `Refused` with Git's message when it fails."""
    process = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603, S607
    if process.returncode:
        raise Refused(f"git {arguments[0]} failed:\n\n{process.stderr or process.stdout}")
    return process.stdout.strip()


if __name__ == "__main__":
    here, tag = Path(__file__).resolve().parent, f"v{sys.argv[1]}"
    try:
        release(here, sys.argv[1])
    except Refused as reason:
        sys.exit(f"\n{reason}")
    locally = f"is released locally, as there is no {REMOTE}. Publish it: git push --atomic REMOTE HEAD:{BRANCH} {tag}"
    print(f"\n{tag} {'is published' if is_published(here) else locally}", file=sys.stderr)
