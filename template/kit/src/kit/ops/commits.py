"""Which commit a version was deployed from, and whether what is live is newer than this checkout.

The description of a published version of the web function records the commit: Lambda keeps it with the version, so a
rollback takes it back too. Without Git, or for a version from before this record, nothing is known and nothing is refused.
"""

import re
import subprocess

from kit.errors import UsageError
from kit.ops import github
from kit.ops.releases import Release, Releases
from kit.ops.stage import PROJECT


def describe() -> str:
    """The description for a version that is deployed from this checkout: "commit " and its hash; empty without Git."""
    commit = _git("rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return ""
    return f"commit {commit}" + " with uncommitted changes" * bool(_git("status", "--porcelain"))


def read(description: str) -> str:
    """The hash in a version's description; empty if there is none."""
    found = re.match(r"commit ([0-9a-f]{40,64})\b", description)
    return found[1] if found else ""


def require_tip(branch: str) -> None:
    """Raise `UsageError` unless this checkout is the newest commit of a branch on GitHub."""
    here, tip = _git("rev-parse", "HEAD"), github.tip(branch)
    if tip != here:
        raise UsageError(
            f"Nothing was deployed: this is commit {here[:7]}, and {branch} has {tip[:7]} by now, whose own run deploys it. "
            f"To go back: gh workflow run rollback -f version=…, or git revert on {branch}. To deploy this commit "
            "nevertheless, check it out on a laptop: make deploy OLDER=1"
        )


def require_newer(releases: Releases, record: list[Release], *, older: bool, again: str) -> str:
    """Raise `UsageError` if the live version's commit contains this one, unless `older` is set.

    After an interrupted switch of traffic requests and jobs are at two versions, and both count.
    Returns a sentence on how the commits are related; empty if this one contains the live one, or nothing is known.
    """
    here = _git("rev-parse", "--verify", "--quiet", "HEAD")
    versions = dict.fromkeys([record[0].web, releases.answering()]) if record else {}
    notes = [_compare(here, read(releases.description(version)), version, older, again) for version in versions]
    return next(filter(None, notes), "")


def _compare(here: str, live: str, version: str, older: bool, again: str) -> str:
    if not here or not live or here == live or _contains(here, live):
        return ""
    if not _git("rev-parse", "--verify", "--quiet", f"{live}^{{commit}}"):
        return f"{here[:7]}; live is {live[:7]}, which this clone does not have. It may be newer: git fetch"
    if not _contains(live, here):
        return f"{here[:7]}, without commits that {live[:7]} has, which is live"
    if older:
        return f"{here[:7]}, OLDER than {live[:7]}, which is live"
    raise UsageError(
        f"Version {version} is live, of commit {live[:7]}, which is newer than {here[:7]} here. Nothing changed. Get the "
        f"newest commit: git pull. To go back, roll back (make rollback), or deploy the older commit: {again} OLDER=1"
    )


def _contains(commit: str, other: str) -> bool:
    """Whether the other commit is in the history of this one; False if this clone does not have one of them."""
    command = ["git", "merge-base", "--is-ancestor", other, commit]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, check=False).returncode == 0  # noqa: S603


def _git(*arguments: str) -> str:
    """The output of a Git command; empty if it fails, or there is no Git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
