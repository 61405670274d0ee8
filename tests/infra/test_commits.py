"""Which commits may be deployed: real Git repositories, with GitHub's `gh` played by a program."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kit.errors import UsageError
from kit.ops import commits, github
from kit.ops.releases import Release
from releases import git
from workflows import program

LIVE = [Release("7", "5")]


class Described:
    """Releases, of which only the description of a version is read."""

    def __init__(self, commit: str) -> None:
        self.commit = commit

    def answering(self) -> str:
        return "8"

    def description(self, version: str) -> str:
        """As in the middle of a switch: the record's version, 7, is of an older commit than the one that answers."""
        return f"commit {self.commit}" if self.commit and version == "8" else ""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of three commits: `first`, `second`, and `aside` beside the second one."""
    git(tmp_path, "init", "--quiet", "--initial-branch", "main", "clone")
    folder = tmp_path / "clone"
    for name in ("first", "aside", "second"):
        if name == "second":
            git(folder, "checkout", "--quiet", "first")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", name)
        git(folder, "tag", name)
    monkeypatch.setattr(commits, "PROJECT", folder)
    monkeypatch.setattr(github, "PROJECT", folder)
    return folder


def hash_of(folder: Path, name: str) -> str:
    return git(folder, "rev-parse", name)


def compare(folder: Path, here: str, live: str, *, older: bool = False) -> str:
    """Deploy one commit where another is live; both by their tags, or empty."""
    git(folder, "checkout", "--quiet", here)
    releases: Any = Described(live and hash_of(folder, live) if live != "unknown" else "0" * 40)
    return commits.require_newer(releases, LIVE, older=older, again="make deploy STAGE=prod")


@pytest.mark.parametrize(("here", "live"), [("second", "first"), ("first", "first"), ("first", "")])
def test_a_newer_commit_and_the_same_one_are_deployed_without_a_word(clone: Path, here: str, live: str) -> None:
    assert compare(clone, here, live) == ""


def test_an_older_commit_is_refused_until_it_is_named_so(clone: Path) -> None:
    with pytest.raises(
        UsageError, match=r"Version 8 is live, of commit \w{7}, which is newer than .* make deploy STAGE=prod OLDER=1"
    ):
        compare(clone, "first", "second")
    assert "OLDER than" in compare(clone, "first", "second", older=True)


def test_a_commit_beside_the_live_one_and_an_unknown_one_are_named(clone: Path) -> None:
    assert "without commits that" in compare(clone, "aside", "second")
    assert "which this clone does not have. It may be newer: git fetch" in compare(clone, "second", "unknown")


def test_without_git_or_a_deployed_version_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clone: Path
) -> None:
    releases: Any = Described("0" * 40)
    assert commits.require_newer(releases, [], older=False, again="") == ""
    monkeypatch.setattr(commits, "PROJECT", tmp_path)
    assert commits.describe() == ""
    assert commits.require_newer(releases, LIVE, older=False, again="") == ""
    monkeypatch.setenv("PATH", "")
    assert commits.describe() == ""


def test_a_version_names_its_commit_and_whether_there_was_more(clone: Path) -> None:
    assert commits.describe() == f"commit {hash_of(clone, 'second')}"
    clone.joinpath("new").touch()
    assert commits.describe() == f"commit {hash_of(clone, 'second')} with uncommitted changes"


def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, response: dict[str, Any] | str) -> None:
    """Put a `gh` on the PATH that answers this, or fails with it."""
    fails = isinstance(response, str)
    tmp_path.joinpath("response").write_text(response if isinstance(response, str) else json.dumps(response))
    shell = f'echo "$@" >> {tmp_path}/asked; cat {tmp_path}/response {">&2; exit 1" if fails else ""}'
    program(tmp_path / "bin", "gh", shell)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


def test_only_the_newest_commit_of_main_is_deployed_by_a_pipeline(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh(tmp_path, monkeypatch, {"sha": hash_of(clone, "second")})
    commits.require_tip("main")
    assert tmp_path.joinpath("asked").read_text() == "api repos/{owner}/{repo}/commits/main\n"
    git(clone, "checkout", "--quiet", "first")
    with pytest.raises(UsageError, match=r"Nothing was deployed: this is commit \w{7}, and main has \w{7} by now"):
        commits.require_tip("main")


def test_github_knows_a_pull_request_open_closed_or_not_at_all(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh(tmp_path, monkeypatch, {"closed_at": None})
    assert github.pull_request(12) == github.PullRequest(12, None)
    gh(tmp_path, monkeypatch, {"closed_at": "2026-11-02T12:00:00Z"})
    pull = github.pull_request(12)
    assert pull is not None and str(pull.closed_at) == "2026-11-02 12:00:00+00:00"
    gh(tmp_path, monkeypatch, "gh: Not Found (HTTP 404)")
    assert github.pull_request(12) is None
    with pytest.raises(UsageError, match="GitHub has no branch main"):
        github.tip("main")
    gh(tmp_path, monkeypatch, "gh: Bad credentials (HTTP 401)")
    with pytest.raises(UsageError, match=r"Can't ask GitHub for pulls/12: gh: Bad credentials \(HTTP 401\)"):
        github.pull_request(12)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError))
    with pytest.raises(UsageError, match="gh, which is not installed"):
        github.tip("main")
