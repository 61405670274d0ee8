"""Migrations that the live version of the app does not survive: the rule of each, and how it is overruled."""

from pathlib import Path

import pytest
from live_cases import BASE, CASES, Case

from kit import settings
from kit.cli import schema
from kit.errors import UsageError
from kit.planetscale.lint import linter


def write(folder: Path, *lines: str) -> None:
    """Write the cases' tables as the first migration, and these lines as the second."""
    (folder / "versions").mkdir(exist_ok=True)
    head = "import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = {!r}, {!r}\ndef upgrade():\n"
    base = "".join(f"    op.execute({statement!r})\n" for statement in BASE)
    (folder / "versions" / "0001_base.py").write_text(head.format("0001", None) + base)
    change = "".join(f"    {line}\n" for line in lines)
    (folder / "versions" / "0002_change.py").write_text(head.format("0002", "0001") + change)


FIRST = 5
"""The line of a migration's first statement."""


def check(folder: Path, **options: str) -> list[tuple[int, str]]:
    """What is found in the second migration, with the number of the statement's line."""
    found = linter.check(folder, foreign_keys=True, **options)
    return [(one.line - FIRST, one.code) for one in found if one.file.name == "0002_change.py"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source}: {case.name}")
def test_each_case_is_found_or_taken_as_its_source_says(case: Case, tmp_path: Path) -> None:
    write(tmp_path, *[f"op.execute({statement!r})" for statement in case.statements])
    assert sorted(code for _, code in check(tmp_path)) == sorted(case.codes)
    assert bool(case.codes) == case.unsafe or case.why


def test_the_cases_are_of_both_kinds() -> None:
    for source in ("strong_migrations", "django-migration-linter", "squawk", "kit"):
        assert {case.unsafe for case in CASES if case.source == source} == {True, False}


REQUIRED = 'op.add_column("users", sa.Column("slug", sa.String(9), nullable=False))'


@pytest.mark.parametrize(
    ("lines", "overruled"),
    [
        ([REQUIRED], False),
        ([f"{REQUIRED}  # live: the table is empty"], True),
        (["# live: the table is empty", REQUIRED], True),
        ([f"{REQUIRED}  # live:"], False),
        ([f"{REQUIRED}  # alive: no"], False),
        (["pass  # live: another statement", REQUIRED], False),
        (
            [
                'with op.batch_alter_table("users") as b:',
                '    b.add_column(sa.Column("slug", sa.String(9), nullable=False))',
            ],
            False,
        ),
        (
            [
                'with op.batch_alter_table("users") as b:',
                '    b.add_column(sa.Column("a", sa.String(9), nullable=True))  # live: not this one',
                '    b.add_column(sa.Column("slug", sa.String(9), nullable=False))',
            ],
            False,
        ),
        (
            [
                'with op.batch_alter_table("users") as b:',
                '    b.add_column(sa.Column("a", sa.String(9), nullable=True))',
                '    b.add_column(sa.Column("slug", sa.String(9), nullable=False))  # live: the table is empty',
            ],
            True,
        ),
    ],
)
def test_a_reason_beside_the_statement_overrules_it(lines: list[str], overruled: bool, tmp_path: Path) -> None:
    write(tmp_path, *lines)
    assert [code for _, code in check(tmp_path)] == ([] if overruled else ["LIVE_REQUIRED_COLUMN"])


def test_the_line_of_a_batch_is_the_one_that_names_the_column(tmp_path: Path) -> None:
    write(
        tmp_path,
        'with op.batch_alter_table("users") as b:',
        '    b.add_column(sa.Column("a", sa.String(9), nullable=True))',
        '    b.add_column(sa.Column("slug", sa.String(9), nullable=False))',
    )
    assert check(tmp_path) == [(2, "LIVE_REQUIRED_COLUMN")]


def test_the_line_is_that_of_the_last_statement_that_made_it_so(tmp_path: Path) -> None:
    write(
        tmp_path, "op.execute('ALTER TABLE users ADD a INT')", "op.execute('ALTER TABLE users MODIFY a INT NOT NULL')"
    )
    assert check(tmp_path) == [(1, "LIVE_REQUIRED_COLUMN")]


def test_migrations_that_are_live_everywhere_are_exempt(tmp_path: Path) -> None:
    write(tmp_path, REQUIRED)
    assert check(tmp_path, live_after="0002") == []
    assert [code for _, code in check(tmp_path, live_after="0001")] == ["LIVE_REQUIRED_COLUMN"]


def test_the_option_is_read_from_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    (folder := tmp_path / "migrations").mkdir()
    write(folder, REQUIRED)
    options = tmp_path / "pyproject.toml"
    options.write_text('[tool.kit]\nlive_after = "0002"\n')
    assert not [one for one in schema.check(folder) if "LIVE" in one]
    options.write_text('[tool.kit]\nlive_after = "0009"\n')
    with pytest.raises(UsageError, match=r"live_after in pyproject\.toml names 0009"):
        schema.check(folder)


def test_a_drop_names_the_command_that_does_it_in_two_steps(tmp_path: Path) -> None:
    write(tmp_path, 'op.drop_column("users", "name")', 'op.drop_table("orders")')
    found = [one.problem.instead for one in linter.check(tmp_path) if one.code.startswith("LIVE_DROP")]
    assert [
        "`./uvw run python -m kit schema drop users.name`" in found[0],
        "`./uvw run python -m kit schema drop orders`" in found[1],
    ] == [
        True,
        True,
    ]


def test_a_type_that_changes_values_is_overruled_by_its_own_word(tmp_path: Path) -> None:
    added = 'op.add_column("users", sa.Column("height", sa.Float(), nullable=True))'
    write(tmp_path, added)
    assert check(tmp_path) == [(0, "INEXACT_FLOAT")]
    write(tmp_path, f"{added}  # inexact: seven digits are enough")
    assert check(tmp_path) == []
