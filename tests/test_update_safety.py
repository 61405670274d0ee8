"""What an update refuses beforehand and what it reports afterwards, by small pairs of versions instead of whole renders."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import notes
import outcome
import preconditions
import steps
from kit.update.environment import git_environment
from kit.update.project import Refused, listed, require_clean, require_repository
from outcome import Outcome
from releases import committed, git
from renders import Committed, Renders

OLD = {"Makefile": b"one\ntwo\n", "kit/pyproject.toml": b"old\n", "kit/gone.py": b"gone\n"}
NEW = {"Makefile": b"one\ntwo\nthree\n", "kit/pyproject.toml": b"new\n", "LOGDAYS.txt": b"30\n", "notes/a.md": b"a\n"}
RENDERS = Renders(OLD, NEW)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has the old version, committed."""
    folder = tmp_path / "wall"
    write(folder, OLD)
    (folder / ".gitignore").write_text("LOGDAYS.txt\n/notes\n*.rej\n")
    return committed(folder)


@pytest.fixture(autouse=True)
def someone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Git identity, and an empty home directory."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_EDITOR", "true")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "someone@example.com")


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def save(project: Path) -> None:
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Mine")


def require(project: Path) -> None:
    require_repository(project)
    require_clean(project)
    preconditions.require(project, RENDERS, Committed(project))


def link(project: Path) -> None:
    (project / "kit").rename(project / "kit2")
    (project / "kit").symlink_to("kit2")
    save(project)


def not_utf8(project: Path) -> None:
    (project / "Makefile").write_bytes(b"one\ntwo\n# caf\xe9\n")
    save(project)


def binary(project: Path) -> None:
    (project / "Makefile").write_bytes(b"\0\1")
    save(project)


def hidden(project: Path) -> None:
    git(project, "update-index", "--assume-unchanged", "Makefile")
    (project / "Makefile").write_text("mine\n")


def untracked(project: Path) -> None:
    write(project, {".gitignore": b"Makefile\n"})
    git(project, "rm", "--quiet", "--cached", "Makefile")
    save(project)
    (project / "Makefile").write_text("mine\n")


def merging(project: Path) -> None:
    other = git(project, "commit-tree", "-p", "HEAD", "-m", "other", "HEAD^{tree}")
    git(project, "merge", "--no-commit", "--no-ff", "--quiet", other)


STANDS_IN_THE_WAY: dict[str, tuple[Callable[[Path], object], str]] = {
    "an ignored file": (lambda p: write(p, {"LOGDAYS.txt": b"mine"}), "does not track LOGDAYS.txt"),
    "an ignored folder": (lambda p: write(p, {"LOGDAYS.txt/a": b"mine"}), "LOGDAYS.txt is a folder"),
    "an ignored link": (lambda p: (p / "LOGDAYS.txt").symlink_to("/etc/passwd"), "does not track LOGDAYS.txt"),
    "an ignored file for a folder": (lambda p: write(p, {"notes": b"mine"}), "notes is a file"),
    "a file for a folder": (lambda p: (write(p, {".gitignore": b"", "notes": b"mine"}), save(p)), "notes is a file"),
    "another letter case": (
        lambda p: (write(p, {"logdays.TXT": b"mine"}), save(p)),
        "differ only by upper and lower case",
    ),
    "another letter case of a folder": (
        lambda p: (write(p, {"Notes/b": b"mine"}), save(p)),
        "Notes and the template's notes differ",
    ),
    "a folder that is a link": (link, "kit is a symbolic link"),
    "a text that is not UTF-8": (not_utf8, "Makefile is not UTF-8"),
    "a binary in the place of a text": (binary, "Makefile is no longer a text file"),
    "a file whose changes Git ignores": (hidden, "Git ignores changes of Makefile"),
    "a template's file that is not tracked": (untracked, "does not track Makefile"),
    "a reject of an earlier patch": (lambda p: write(p, {"a.rej": b"mine"}), "a.rej is left from a patch"),
    "work that is not committed": (lambda p: write(p, {"b": b"mine"}), "Commit or stash first"),
    "a merge that is not finished": (merging, "A merge is not finished"),
}


@pytest.mark.parametrize("case", STANDS_IN_THE_WAY)
def test_what_could_be_lost_is_refused_by_name_and_the_next_command_helps(project: Path, case: str) -> None:
    spoil, sentence = STANDS_IN_THE_WAY[case]
    spoil(project)
    with pytest.raises(Refused, match=re.escape(sentence)) as refusal:
        require(project)
    message = str(refusal.value)
    assert len(message.splitlines()) == 2
    command = re.sub(r"   \(or .*\)$", "", message.partition("\nNext: ")[2])
    subprocess.run(["bash", "-c", command], cwd=project, check=True, capture_output=True)
    if case == "a file whose changes Git ignores":  # now it is work that is not committed
        git(project, "commit", "--quiet", "--all", "--message", "Mine")
    require(project)
    kept = [path.read_bytes() for path in project.parent.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert case in {"an ignored link", "work that is not committed", "a merge that is not finished"} or any(
        b"mine" in content or b"caf" in content or content == b"\0\1" or content == b"old\n" for content in kept
    )


def test_a_file_that_may_not_be_written_is_refused_before_anything_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name not in {"pyproject.toml", "kit"} and allowed(path, mode)
    )
    with pytest.raises(
        Refused,
        match=r"kit and kit/pyproject\.toml are not writable\. .*\nNext: chmod -R u\+w kit kit/pyproject\.toml",
    ):
        require(project)


def test_an_untracked_copy_of_what_the_template_brings_is_nobodys_loss(project: Path) -> None:
    write(project, {"LOGDAYS.txt": NEW["LOGDAYS.txt"]})
    require(project)


def test_what_a_user_deleted_or_renamed_stands_in_nobodys_way(project: Path) -> None:
    git(project, "mv", "Makefile", "makefile")
    save(project)
    require(project)


@pytest.mark.parametrize(("name", "command"), [("pick", "cherry-pick"), ("back", "revert")])
def test_an_unfinished_command_of_gits_is_named_with_its_way_out(project: Path, name: str, command: str) -> None:
    git(project, "switch", "--quiet", "--create", name)
    for text in ("theirs\n", "ours\n"):
        write(project, {"Makefile": text.encode()})
        save(project)
    subprocess.run(["git", command, "HEAD~1"], cwd=project, capture_output=True, check=False)
    with pytest.raises(
        Refused, match=rf"is not finished\. .*\nNext: git {command} --continue   \(or git {command} --abort"
    ):
        require(project)


def test_a_repository_that_git_does_not_trust_is_refused_with_gits_own_command(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # as Git's own tests do it
    with pytest.raises(
        Refused, match=r"belongs to another user\. .*\nNext: git config --global --add safe\.directory"
    ) as refusal:
        require(project)
    subprocess.run(["bash", "-c", str(refusal.value).partition("\nNext: ")[2]], check=True)
    require(project)


def test_many_names_are_counted() -> None:
    assert listed(["a"]) == "a"
    assert listed(["b", "a"]) == "a and b"
    assert listed("abcdefgh") == "a, b, c, d, e and 3 more"


def updated(project: Path, after: dict[str, bytes]) -> Outcome:
    """The outcome of an update that leaves these files, and what the new version has of the others."""
    committed_files = Committed(project)
    for name in RENDERS.removed:
        (project / name).unlink(missing_ok=True)
    write(project, {**NEW, **after})
    return Outcome(project, RENDERS, committed_files)


def test_after_an_update_that_merged_everything_nothing_is_reported(project: Path) -> None:
    write(project, {"Makefile": b"one\nmine\ntwo\n"})
    save(project)
    outcome_after = updated(project, {"Makefile": b"one\nmine\ntwo\nthree\n"})
    assert (
        outcome_after.lost(),
        outcome_after.conflicts(),
        outcome_after.rejected(),
        outcome_after.removed(),
        outcome_after.incomplete(),
    ) == (
        [],
        [],
        [],
        [],
        [],
    )


@pytest.mark.parametrize(
    ("mine", "merged"),
    [
        (b"one\nmine\ntwo\n", b"one\ntwo\nthree\n"),
        (b"one\n", b"one\ntwo\nthree\n"),
        (b"one\nmine \ntwo\n", b"one\nmine\ntwo\nthree\n"),
    ],
    ids=["a line is gone", "a line is back", "white space is gone"],
)
def test_a_change_of_the_users_that_did_not_survive_is_named(project: Path, mine: bytes, merged: bytes) -> None:
    write(project, {"Makefile": mine})
    save(project)
    assert updated(project, {"Makefile": merged}).lost() == ["Makefile"]


@pytest.mark.parametrize(
    ("mine", "merged"),
    [
        (b"one\r\nmine\r\ntwo\r\n", b"one\nmine\ntwo\nthree\n"),
        (b"one\ntwo\nthree\n", b"one\ntwo\nthree\n"),
        (b"one\ntwo\ntwo\n", b"one\ntwo\ntwo\nthree\n"),
    ],
    ids=["other line ends", "both made the same change", "a line twice"],
)
def test_what_a_merge_may_do_is_no_loss(project: Path, mine: bytes, merged: bytes) -> None:
    write(project, {"Makefile": mine})
    save(project)
    assert updated(project, {"Makefile": merged}).lost() == []


def test_changed_files_that_went_are_named_and_unchanged_ones_are_not(project: Path) -> None:
    assert updated(project, {}).removed() == []
    git(project, "checkout", "--quiet", "HEAD", "--", ".")
    write(project, {"kit/gone.py": b"gone\nmine\n"})
    save(project)
    assert updated(project, {}).removed() == ["kit/gone.py"]


def test_an_update_that_was_broken_off_is_seen_by_what_is_missing_and_by_what_is_left(project: Path) -> None:
    outcome_after = updated(project, {})
    assert outcome_after.incomplete() == []
    (project / "LOGDAYS.txt").unlink()
    write(project, {"kit/gone.py": b"gone\n"})
    assert Outcome(project, RENDERS, outcome_after.committed).incomplete() == ["LOGDAYS.txt", "kit/gone.py"]


def test_conflicts_are_found_in_the_files_themselves(project: Path) -> None:
    marked = b"one\n<<<<<<< before updating\nmine\n=======\nthree\n>>>>>>> after updating\n"
    outcome_after = updated(
        project,
        {"Makefile": marked, "kit/pyproject.toml": marked.replace(b"\n", b"\r\n"), "kit/pyproject.toml.rej": b"+mine"},
    )
    assert outcome_after.conflicts() == ["Makefile", "kit/pyproject.toml"]
    assert outcome_after.rejected() == ["kit/pyproject.toml.rej"]


def test_files_that_came_and_are_ignored_are_named_and_links_that_were_left_alone(project: Path) -> None:
    (project / "Makefile").rename(project / "mine.mk")
    (project / "Makefile").symlink_to("mine.mk")
    save(project)
    committed_files = Committed(project)
    write(project, {name: content for name, content in NEW.items() if name != "Makefile"})
    outcome_after = outcome.Outcome(project, RENDERS, committed_files)
    assert outcome_after.ignored() == ["LOGDAYS.txt", "notes/a.md"]
    assert outcome_after.linked() == ["Makefile"]


def test_steps_go_on_after_one_that_failed_and_those_that_wait_are_named(tmp_path: Path) -> None:
    template, project = tmp_path / "template", tmp_path / "wall"
    project.mkdir()
    write(template, {"hooks/steps/v1_0_0_old.py": b"def needed(project): raise AssertionError\n"})
    committed(template)
    since = git(template, "rev-parse", "HEAD")
    text = (
        "def needed(project): return not (project / '{name}').exists()\n"
        "def run(project):\n"
        "    if '{name}' == 'b' and not (project / 'corrected').exists(): raise RuntimeError('not yet')\n"
        "    (project / '{name}').touch()\n"
    )
    for name, version in (("c", "1_10_0"), ("b", "1_9_0"), ("a", "1_2_0")):
        write(template, {f"hooks/steps/v{version}_{name}.py": text.format(name=name).encode()})
    first = [(step.name, step.problem) for step in steps.run(template, project, since)]
    assert first == [
        ("v1_2_0_a", ""),
        ("v1_9_0_b", "failed: not yet"),
        ("v1_10_0_c", "not run, as v1_9_0_b comes first"),
    ]
    (project / "corrected").touch()
    assert [(step.name, step.problem) for step in steps.run(template, project, since)] == [
        ("v1_9_0_b", ""),
        ("v1_10_0_c", ""),
    ]
    assert list(steps.run(template, project, since)) == []


def test_notes_and_news_are_those_that_the_earlier_version_did_not_have(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "docs/upgrading.md": b"# U\n\n### 1.0.0\nFirst.\n\n### Unreleased\nSecond.\n",
            "CHANGELOG.md": b"## 1.0.0\n- a\n",
        },
    )
    committed(tmp_path)
    since = git(tmp_path, "rev-parse", "HEAD")
    upgrading = b"# U\n\n### 3.0.0 (2030-01-01)\nLast.\n\nTwo.\n\n### 2.0.0\nThird.\n\n### 1.1.0\nSecond.\n\n### 1.0.0\nFirst, better.\n"
    write(tmp_path, {"docs/upgrading.md": upgrading, "CHANGELOG.md": b"## 2.0.0\n- b\nmore\n## 1.0.0\n- a\n"})
    assert list(notes.to_do_by_hand(tmp_path, since)) == [("2.0.0", "Third."), ("3.0.0", "Last.\n\nTwo.")]
    assert list(notes.news(tmp_path, since)) == [("2.0.0", "- b")]


def test_the_environment_of_copiers_git_is_set_and_put_back(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "url.x.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "y")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    git_config = project / ".git" / "config"
    subprocess.run(["git", "config", "--file", git_config, "status.showUntrackedFiles", "no"], check=True)
    subprocess.run(["git", "config", "--file", git_config, "core.excludesFile", "/mine"], check=True)
    before = dict(os.environ)
    with git_environment():
        assert git(project, "config", "status.showUntrackedFiles") == "normal"
        assert git(project, "config", "url.x.insteadOf") == "y"
        assert git(project, "config", "core.excludesFile") == "/mine"
        copy = Path(os.environ["TMPDIR"]) / "copy"
        copy.mkdir()
        git(copy, "init", "--quiet")
        assert git(copy, "config", "core.excludesFile") == os.devnull
    assert dict(os.environ) == before
