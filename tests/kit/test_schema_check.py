"""The schema check, on a corpus of migrations that say beside each line what PlanetScale would."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from kit import settings
from kit.cli import schema
from kit.planetscale.lint import linter

CORPUS = sorted(file for file in (Path(__file__).parent / "corpus").glob("*.py") if file.stem != "base")


def findings(change: Path, folder: Path, **options: bool) -> list[linter.Finding]:
    (folder / "versions").mkdir(exist_ok=True)
    for file in (change, change.with_name("base.py")):
        shutil.copy(file, folder / "versions")
    revision = re.search(r'^revision = "(.*)"', change.read_text(), re.MULTILINE)
    assert revision
    return linter.check(folder, live_after=revision[1], **options)  # what the live version survives is not the subject


def expected(change: Path) -> list[tuple[int, str]]:
    """Each `# expect:` with the first line of the statement that it stands beside."""
    source = change.read_text()
    starts = [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    marked = [(number, re.search(r"# expect: (.*)", line)) for number, line in enumerate(source.splitlines(), 1)]
    return sorted(
        (max(start for start in starts if start <= number), code)
        for number, mark in marked
        if mark
        for code in mark[1].split(", ")
    )


@pytest.mark.parametrize("change", CORPUS, ids=lambda change: change.stem)
def test_the_corpus_gets_what_planetscale_would_say_and_nothing_else(change: Path, tmp_path: Path) -> None:
    results = findings(change, tmp_path)
    assert sorted((one.line, one.code) for one in results) == expected(change)
    assert {one.file.name for one in results} <= {change.name}
    assert all(one.problem.what and one.problem.instead for one in results)


def test_the_corpus_has_both_kinds() -> None:
    refused = [change for change in CORPUS if expected(change)]
    assert len(refused) >= 25
    assert len(CORPUS) - len(refused) >= 20


def test_foreign_keys_can_be_switched_on(tmp_path: Path) -> None:
    assert findings(Path(__file__).parent / "corpus" / "foreign_key_added.py", tmp_path, foreign_keys=True) == []


def test_a_rename_names_the_steps_around_it(tmp_path: Path) -> None:
    (finding,) = findings(Path(__file__).parent / "corpus" / "rename_a_column.py", tmp_path)
    assert "kit schema rename users.name full_name" in finding.problem.instead
    assert "kit.db.bulk" in finding.problem.instead


def test_the_command_prints_file_line_code_and_the_way_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    (folder := tmp_path / "migrations").mkdir()
    findings(Path(__file__).parent / "corpus" / "no_key.py", folder)
    (message,) = schema.check(folder)
    assert message.startswith("migrations/versions/no_key.py:11: NO_UNIQUE_KEY: visits has no unique key")
    (tmp_path / "pyproject.toml").write_text("[tool.kit]\nforeign_keys = true\n")
    findings(Path(__file__).parent / "corpus" / "no_key.py", folder)
    assert len(schema.check(folder)) == 1


def test_the_walls_own_migrations_are_taken() -> None:
    assert linter.check(settings.PROJECT / "migrations") == []
