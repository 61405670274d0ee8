"""`make release`: a version is made whole, or the repository is as it was."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import parts
from release import CHANGELOG, RECORD, UPGRADING, Refused, Unsure, release
from releases import copy, git
from rendering import ROOT
from user_edits import adds, change
from work_tree import copy_work_tree

PASSES, FAILS = (("true",),), (("true",), ("false",))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a release reads and writes of this work tree, committed, with a note for whoever upgrades; and a Git identity."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "someone@example.com")
    folder = tmp_path / "repository"
    git(tmp_path, "init", "--quiet", folder.name)
    for name in ("pyproject.toml", CHANGELOG, UPGRADING, RECORD):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "hooks" / "steps").mkdir(parents=True)
    change(folder / "docs" / "upgrading.md", adds("\n### Unreleased\nRename the stage.\n"))
    coming(folder, "1000.1.0")
    return folder


def coming(folder: Path, version: str) -> None:
    """Let pyproject.toml name this version, something be new in it, and commit that."""
    change(folder / "pyproject.toml", lambda text: re.sub(r'(?m)^version = ".*"', f'version = "{version}"', text))
    change(folder / "CHANGELOG.md", adds(f"- {version} is better.\n", after="## Unreleased"))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Work")


def state(folder: Path) -> tuple[str, ...]:
    return tuple(git(folder, *call) for call in (("rev-parse", "HEAD"), ("tag",), ("status", "--porcelain")))


def test_a_version_is_tagged_recorded_and_printed_and_copier_takes_it(repository: Path, tmp_path: Path) -> None:
    changed = {name: (repository / name).read_text() for name in ("pyproject.toml", CHANGELOG, UPGRADING)}
    copy_work_tree(repository, small=True)
    for name, text in changed.items():
        (repository / name).write_text(text)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "The whole template")
    release(repository, "1000.1.0", PASSES)
    coming(repository, "1000.1.1")
    release(repository, "1000.1.1", PASSES)
    record = (repository / "releases.toml").read_text()
    for version in ("1000.1.0", "1000.1.1"):
        assert f'"{version}" = "{git(repository, "rev-parse", f"v{version}^{{commit}}")}"\n' in record
        assert f"{version} (" in git(repository, "show", f"v{version}:CHANGELOG.md")
    assert git(repository, "status", "--porcelain") == ""
    changelog = (repository / "CHANGELOG.md").read_text()
    assert re.search(
        r"## Unreleased\n\n## 1000\.1\.1 \(\d{4}-\d\d-\d\d\)\n- 1000\.1\.1 is better\.\n\n## 1000", changelog
    )
    upgrading = (repository / "docs" / "upgrading.md").read_text()
    assert re.search(r"### 1000\.1\.0 \(\d{4}-\d\d-\d\d\)\nRename the stage\.\n", upgrading)
    assert "Unreleased" not in upgrading
    project = copy(repository, tmp_path / "app", "v1000.1.1")
    assert "_commit: v1000.1.1\n" in (project / ".copier-answers.yml").read_text()


REFUSED: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no version": (lambda folder: None, "", r"Invalid version ''; expected for example: make release VERSION=1\.2\.0"),
    "a version of another kind": (lambda folder: None, "v1000.1.0", r"Invalid version 'v1000\.1\.0'"),
    "work that is not committed": (
        lambda folder: (folder / "a").touch(),
        "1000.1.0",
        r"Commit or stash first:\n\n\?\? a",
    ),
    "a version that is there": (
        lambda folder: git(folder, "tag", "v1000.1.0"),
        "1000.1.0",
        r"1000\.1\.0 is not later than 1000\.1\.0",
    ),
    "a version before the newest": (
        lambda folder: git(folder, "tag", "v1001.0.0"),
        "1000.1.0",
        r"1000\.1\.0 is not later than 1001\.0\.0",
    ),
    "another version in pyproject": (
        lambda folder: None,
        "1000.2.0",
        r"pyproject\.toml has the version 1000\.1\.0\. Set it",
    ),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_a_release_that_is_refused_changes_nothing(repository: Path, wrong: str) -> None:
    spoil, version, sentence = REFUSED[wrong]
    spoil(repository)
    before = state(repository)
    with pytest.raises(Refused, match=sentence):
        release(repository, version, PASSES)
    assert state(repository) == before


def test_a_release_without_changelog_entries_is_refused(repository: Path) -> None:
    release(repository, "1000.1.0", PASSES)
    change(repository / "pyproject.toml", lambda text: text.replace("1000.1.0", "1000.1.1"))
    git(repository, "commit", "--all", "--quiet", "--message", "Next")
    with pytest.raises(Refused, match=r"CHANGELOG\.md has no entries under “Unreleased”"):
        release(repository, "1000.1.1", PASSES)


def test_a_step_without_a_note_is_no_version(repository: Path) -> None:
    change(repository / "docs" / "upgrading.md", lambda text: text.replace("### Unreleased\n", ""))
    (repository / "hooks" / "steps" / "v1000_1_0_rename_stage.py").write_text("def needed(project): return False\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "A step")
    with pytest.raises(
        Refused, match=r"v1000_1_0_rename_stage\.py is a migration step of 1000\.1\.0\. Describe it in docs/upg"
    ):
        release(repository, "1000.1.0", PASSES)


def test_a_gate_that_fails_releases_nothing(repository: Path) -> None:
    before = state(repository)
    with pytest.raises(Refused, match="`false` fails, so nothing was released"):
        release(repository, "1000.1.0", FAILS)
    assert state(repository) == before


def test_a_gate_that_changes_something_releases_nothing(repository: Path) -> None:
    with pytest.raises(Refused, match="changed while it was checked"):
        release(repository, "1000.1.0", (("touch", "new"),))
    assert git(repository, "tag") == ""


def test_a_release_that_breaks_off_half_way_is_taken_back(repository: Path) -> None:
    before = state(repository)
    hook = repository / ".git" / "hooks" / "commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n! grep -q Record "$1"\n')
    hook.chmod(0o755)
    with pytest.raises(Refused, match="git commit failed"):
        release(repository, "1000.1.0", PASSES)
    assert state(repository) == before


@pytest.fixture
def origin(repository: Path) -> Path:
    """A remote that has main."""
    git(repository, "branch", "--move", "main")
    origin = repository.parent / "origin.git"
    git(repository, "init", "--quiet", "--bare", "--initial-branch", "main", str(origin))
    git(repository, "remote", "add", "origin", str(origin))
    git(repository, "push", "--quiet", "origin", "main")
    return origin


def refs(folder: Path) -> list[str]:
    return git(folder, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()


def hook(origin: Path, name: str, shell: str) -> None:
    file = origin / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{shell}\n")
    file.chmod(0o755)


def test_a_release_is_pushed_with_its_branch_and_signed(repository: Path, origin: Path, tmp_path: Path) -> None:
    parts.program("ssh-keygen")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    tmp_path.joinpath("signers").write_text(f"someone@example.com {key.with_suffix('.pub').read_text()}")
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingkey", key),
        ("gpg.ssh.allowedSignersFile", tmp_path / "signers"),
    ):
        git(repository, "config", name, str(value))
    release(repository, "1000.1.0", PASSES)
    assert git(origin, "rev-parse", "main") == git(repository, "rev-parse", "HEAD")
    assert git(origin, "rev-parse", "v1000.1.0") == git(repository, "rev-parse", "v1000.1.0")
    git(repository, "tag", "--verify", "v1000.1.0")


REFUSING: dict[str, tuple[str, str]] = {
    "a protected main": ("update", '[ "$1" != refs/heads/main ] || { echo "protected branch"; exit 1; }'),
    "a protected tag": ("update", '[ "$1" = refs/heads/main ] || { echo "protected tag"; exit 1; }'),
    "a push from nobody": ("pre-receive", 'echo "protected repository"; exit 1'),
}


@pytest.mark.parametrize("by", REFUSING)
def test_a_release_that_the_remote_refuses_is_published_in_no_part(repository: Path, origin: Path, by: str) -> None:
    hook(origin, *REFUSING[by])
    before, served = state(repository), refs(origin)
    with pytest.raises(Refused, match=r"protected(.|\n)*Nothing was published\. Whoever releases must be allowed"):
        release(repository, "1000.1.0", PASSES)
    assert (state(repository), refs(origin)) == (before, served)


def test_without_an_atomic_push_the_tag_would_be_served_alone(repository: Path, origin: Path) -> None:
    hook(origin, *REFUSING["a protected main"])
    git(repository, "tag", "v1000.1.0")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Release")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "push", "--quiet", "origin", "HEAD:main", "v1000.1.0")
    assert git(origin, "tag") == "v1000.1.0"


def elsewhere(repository: Path, *commands: tuple[str, ...]) -> None:
    """Do something in another clone."""
    git(repository.parent, "clone", "--quiet", "origin.git", "other")
    for command in commands:
        git(repository.parent / "other", *command)


AHEAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "another branch": (
        lambda folder: git(folder, "switch", "--quiet", "--create", "fix"),
        "made from main, and this is fix",
    ),
    "a tag of this version": (
        lambda folder: elsewhere(folder, ("tag", "v1000.1.0"), ("push", "--quiet", "origin", "v1000.1.0")),
        r"origin has the tag v1000\.1\.0 already",
    ),
    "a newer main": (
        lambda folder: elsewhere(
            folder, ("commit", "--quiet", "--allow-empty", "--message", "x"), ("push", "--quiet", "origin", "main")
        ),
        "main of origin has commits that this clone lacks",
    ),
    "a remote that is gone": (
        lambda folder: (folder.parent / "origin.git").rename(folder.parent / "gone"),
        "git ls-remote failed",
    ),
}


@pytest.mark.parametrize("ahead", AHEAD)
def test_a_release_beside_the_remotes_state_is_refused_before_the_gates(
    repository: Path, origin: Path, ahead: str
) -> None:
    spoil, sentence = AHEAD[ahead]
    spoil(repository)
    before = state(repository)
    with pytest.raises(Refused, match=sentence):
        release(repository, "1000.1.0", FAILS)
    assert state(repository) == before


@pytest.mark.parametrize("answers_later", [True, False])
def test_a_lost_answer_takes_nothing_back_that_may_be_served(
    repository: Path, origin: Path, answers_later: bool
) -> None:
    gone = "" if answers_later else f"; mv {origin} {origin}.gone"
    hook(origin, "reference-transaction", f'[ "$1" != committed ] || {{ kill -9 $PPID{gone}; }}')
    if answers_later:
        release(repository, "1000.1.0", PASSES)
        assert git(origin, "rev-parse", "main") == git(repository, "rev-parse", "HEAD")
    else:
        with pytest.raises(Unsure, match="origin does not say whether it has the version"):
            release(repository, "1000.1.0", PASSES)
    assert git(repository, "tag") == "v1000.1.0"


def test_make_asks_for_a_version() -> None:
    process = subprocess.run([shutil.which("make") or "make", "release"], cwd=ROOT, capture_output=True, text=True)
    assert process.returncode != 0
    assert "make release VERSION=1.2.0" in process.stderr


def test_every_tag_of_this_clone_is_recorded() -> None:
    # A tag of HEAD is recorded by the next commit.
    tags = git(ROOT, "tag", "--list", "v*", "--merged", "HEAD", "--no-contains", "HEAD").split()
    record = (ROOT / "releases.toml").read_text(encoding="utf-8")
    for tag in tags:
        assert f'"{tag.removeprefix("v")}" = "{git(ROOT, "rev-parse", f"{tag}^{{commit}}")}"' in record
