"""Each rule of the schema check at its edges: what is refused, in which words, and what next to it is not."""

from pathlib import Path

import pytest

from kit.planetscale.lint import linter

T = "CREATE TABLE t (a INT PRIMARY KEY, b TEXT, c VARCHAR(9), INDEX i (c))"


def write_migrations(folder: Path, *statements: str, **options: bool) -> list[tuple[int, str, str]]:
    """The findings in a migration of these statements: which of them, code and words."""
    (folder / "versions").mkdir(exist_ok=True)
    lines = ["from alembic import op", "revision, down_revision = '1', None", "def upgrade():"]
    lines += [f"    op.execute({statement!r})" for statement in statements]
    (folder / "versions" / "one.py").write_text("\n".join(lines))
    return [(one.line - 3, one.code, one.problem.what) for one in linter.check(folder, live_after="1", **options)]


REFUSED = {
    "a column renamed": (["ALTER TABLE t RENAME COLUMN c TO d"], "RENAME_COLUMN", "t.c is renamed to d"),
    "a column changed to another name": (["ALTER TABLE t CHANGE c d INT"], "RENAME_COLUMN", "t.c is renamed to d"),
    "a column renamed beside what cannot be parsed": (
        ["ALTER TABLE t ADD CHECK (a > 1), RENAME COLUMN `c` TO `d`"], "RENAME_COLUMN", "t.c is renamed to d",
    ),
    "a table renamed": (["ALTER TABLE t RENAME TO u"], "RENAME_TABLE", "t is renamed to u"),
    "a table renamed beside what cannot be parsed": (
        ["ALTER TABLE t ADD CHECK (a > 1), RENAME AS `u`"], "RENAME_TABLE", "t is renamed to u",
    ),
    "a table renamed by its own statement": (["RENAME TABLE `t` TO `u`"], "RENAME_TABLE", "t is renamed to u"),
    "a key over a text": (
        ["CREATE TABLE u (a TEXT, PRIMARY KEY (a(9)))"], "BLOB_IN_UNIQUE_KEY", "the primary key of u has a, a text or blob",
    ),
    "a key over a part of a column": (
        ["CREATE TABLE u (a INT NOT NULL, b VARCHAR(9), PRIMARY KEY (a, b(3)))"],
        "PARTIAL_KEY_IN_UNIQUE_KEY", "the primary key of u has only a part of b",
    ),
    "no key": (["CREATE TABLE u (a INT)"], "NO_UNIQUE_KEY", "u has no unique key that is never null"),
    "a key that may be null": (
        ["CREATE TABLE u (a INT UNIQUE)"], "NO_UNIQUE_KEY", "u has no unique key that is never null",
    ),
    "a key of a part": (
        ["CREATE TABLE u (a VARCHAR(9) NOT NULL, UNIQUE (a(3)))"], "NO_UNIQUE_KEY", "u has no unique key that is never null",
    ),
    "a primary key that is gone": (
        ["ALTER TABLE t DROP PRIMARY KEY"], "NO_UNIQUE_KEY", "t has no unique key that is never null",
    ),
    "a foreign key": (
        ["ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (a)"],
        "FOREIGN_KEYS_DISALLOWED", "a foreign key refers to u",
    ),
    "a foreign key beside what cannot be parsed": (
        ["ALTER TABLE t ADD CHECK (a > 1), ADD FOREIGN KEY (a) REFERENCES `u` (a)"],
        "FOREIGN_KEYS_DISALLOWED", "a foreign key refers to u",
    ),
    "a character set": (
        ["CREATE TABLE u (a INT PRIMARY KEY) DEFAULT CHARACTER SET koi8r"], "INVALID_CHARSET", "the character set is koi8r",
    ),
    "a character set of a column": (
        ["ALTER TABLE t ADD d VARCHAR(9) CHARACTER SET UTF16"], "INVALID_CHARSET", "the character set is utf16",
    ),
    "a character set beside what cannot be parsed": (
        ["ALTER TABLE t ADD CHECK (a > 1), DEFAULT CHARSET = UCS2"], "INVALID_CHARSET", "the character set is ucs2",
    ),
    "a collation": (
        ["ALTER TABLE t ADD d VARCHAR(9) COLLATE greek_bin"], "INVALID_CHARSET", "the character set is greek",
    ),
    "a value listed twice": (
        ["ALTER TABLE t ADD d ENUM('x', 'y', 'x')"], "DUPLICATE_ENUM_VALUE", "d lists 'x' twice",
    ),
    "a value of a set listed twice": (["ALTER TABLE t ADD d SET('x', 'x')"], "DUPLICATE_ENUM_VALUE", "d lists 'x' twice"),
    "a storage engine": (
        ["CREATE TABLE u (a INT PRIMARY KEY) ENGINE=MyISAM"], "UNSUPPORTED_FEATURE", "the storage engine is MyISAM",
    ),
    "JSON_TABLE": (
        ["CREATE VIEW v AS SELECT * FROM JSON_TABLE('[]', '$' COLUMNS (a INT PATH '$')) AS j"],
        "UNSUPPORTED_FEATURE", "JSON_TABLE is used",
    ),
    "partitions by list": (
        ["CREATE TABLE u (a INT PRIMARY KEY) PARTITION BY LIST (a) (PARTITION p VALUES IN (1))"],
        "UNSUPPORTED_PARTITIONING_FEATURE", "partitioned by LIST",
    ),
    "subpartitions": (
        ["CREATE TABLE u (a INT PRIMARY KEY) PARTITION BY HASH (a) SUBPARTITION BY HASH (a)"],
        "UNSUPPORTED_PARTITIONING_FEATURE", "it has subpartitions",
    ),
    "a view of nothing": (
        ["CREATE VIEW v AS SELECT a FROM gone"], "INVALID_TABLE_REFERENCED_IN_VIEW", "the view v reads gone, which does not exist",
    ),
    "a table under a view": (
        ["CREATE VIEW v AS SELECT a FROM t", "DROP TABLE t"],
        "INVALID_TABLE_REFERENCED_IN_VIEW", "the view v reads t, which does not exist",
    ),
    "a procedure": (["DROP PROCEDURE p"], "ROUTINE", "`DROP PROCEDURE p`"),
    "a trigger with a definer": (
        ["CREATE DEFINER=root TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1"],
        "ROUTINE", "`CREATE DEFINER=root TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW…`",
    ),
    "a call": (["CALL p()"], "ROUTINE", "`CALL p()`"),
    "rows": (["TRUNCATE t"], "DATA_CHANGE", "`TRUNCATE t`"),
    "rows by a common table": (
        ["WITH x AS (SELECT 1) DELETE FROM t"], "DATA_CHANGE", "`WITH x AS (SELECT 1) DELETE FROM t`",
    ),
    "a temporary table": (
        ["CREATE TEMPORARY TABLE u (a INT)"], "UNSUPPORTED_STATEMENT", "`CREATE TEMPORARY TABLE u (a INT)`",
    ),
    "a user": (["ALTER USER x"], "UNSUPPORTED_STATEMENT", "`ALTER USER x`"),
    "a variable": (["SET foreign_key_checks = 0"], "UNSUPPORTED_STATEMENT", "`SET foreign_key_checks = 0`"),
    "no SQL": (["please add a column"], "NOT_CHECKABLE", "`please add a column` cannot be parsed"),
    "SQL that cannot be parsed": (
        ["ALTER TABLE t ADD COLUMN (((("], "NOT_CHECKABLE", "`ALTER TABLE t ADD COLUMN ((((` cannot be parsed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_once_in_these_words_at_its_statement(name: str, tmp_path: Path) -> None:
    statements, code, words = REFUSED[name]
    assert write_migrations(tmp_path, T, *statements) == [(len(statements) + 1, code, words)]


TAKEN = [
    "ALTER TABLE t CHANGE c c VARCHAR(20)",
    "ALTER TABLE t MODIFY c VARCHAR(20) CHARACTER SET latin1",
    "ALTER TABLE t ADD d VARCHAR(9) COLLATE ascii_bin, ADD e VARCHAR(9) CHARACTER SET utf8mb3",
    "ALTER TABLE t ADD INDEX k (c), RENAME INDEX i TO j",
    "ALTER TABLE t ADD CHECK (a > 1), RENAME KEY i TO j",
    "ALTER TABLE t COMMENT = 'rename to x; character set koi8r; JSON_TABLE ('",
    "ALTER TABLE t ADD CHECK (c <> 'RENAME COLUMN c TO d')",
    "ALTER TABLE t ADD d ENUM('x', 'X', 'y') COLLATE utf8mb4_0900_bin",
    "CREATE TABLE u (a INT NOT NULL, UNIQUE (a)) ENGINE=innodb",
    "CREATE TABLE u (a INT, b TEXT, PRIMARY KEY (a), UNIQUE (b(9)))",
    "CREATE TABLE u (a SERIAL)",
    "CREATE TABLE u (a INT PRIMARY KEY) PARTITION BY LINEAR KEY (a) PARTITIONS 4",
    "CREATE TABLE u (a INT PRIMARY KEY) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (9))",
    "CREATE TABLE u LIKE t",
    "CREATE OR REPLACE VIEW v AS SELECT a FROM t",
    "ALTER TABLE t DROP PRIMARY KEY, ADD UNIQUE (a)",
    "DROP TABLE t",
    "/* UPDATE */ ALTER TABLE t ADD d INT",
]


@pytest.mark.parametrize("statement", TAKEN)
def test_it_is_taken(statement: str, tmp_path: Path) -> None:
    assert write_migrations(tmp_path, T, statement) == []


def test_a_table_has_at_most_1017_columns(tmp_path: Path) -> None:
    def table(columns: int) -> str:
        return f"CREATE TABLE u (c0 INT PRIMARY KEY, {', '.join(f'c{number} INT' for number in range(1, columns))})"

    assert write_migrations(tmp_path, table(1017)) == []
    assert write_migrations(tmp_path, table(1018)) == [(1, "UNSUPPORTED_FEATURE", "u has 1,018 columns")]


def test_a_schema_has_at_most_2048_tables_and_views(tmp_path: Path) -> None:
    tables = [f"CREATE TABLE t{number:04} (a INT PRIMARY KEY)" for number in range(2047)]
    view = "CREATE VIEW v AS SELECT a FROM t0000"
    assert write_migrations(tmp_path, *tables, view) == []
    assert write_migrations(tmp_path, *tables, view, "CREATE TABLE x (a INT PRIMARY KEY)") == [
        (1, "UNSUPPORTED_FEATURE", "there are 2,048 tables and 1 view")
    ]


def test_with_foreign_keys_on_a_reference_needs_its_table(tmp_path: Path) -> None:
    to_itself = (
        "CREATE TABLE u (a INT PRIMARY KEY, b INT, FOREIGN KEY (b) REFERENCES u (a), FOREIGN KEY (a) REFERENCES t (a))"
    )
    assert write_migrations(tmp_path, T, to_itself, foreign_keys=True) == []
    gone = "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES gone (a)"
    words = "a foreign key refers to gone, which does not exist"
    assert write_migrations(tmp_path, T, gone, foreign_keys=True) == [(2, "FOREIGN_KEYS_NONEXISTENT_TABLE", words)]
    unparsed = "ALTER TABLE t ADD CHECK (a > 1), ADD FOREIGN KEY (a) REFERENCES t (a)"
    assert write_migrations(tmp_path, T, unparsed, foreign_keys=True) == []


def test_each_of_several_renames_is_named(tmp_path: Path) -> None:
    names = [words for _, _, words in write_migrations(tmp_path, T, "RENAME TABLE t TO u, `x`.v TO w")]
    assert names == ["t is renamed to u", "x`.v is renamed to w"]
    names = [
        words
        for _, _, words in write_migrations(tmp_path, T, "ALTER TABLE t RENAME COLUMN b TO d, RENAME COLUMN c TO e")
    ]
    assert names == ["t.b is renamed to d", "t.c is renamed to e"]


def test_several_values_listed_twice_are_named_in_order(tmp_path: Path) -> None:
    names = [
        words for _, _, words in write_migrations(tmp_path, T, "ALTER TABLE t ADD d ENUM('y', 'x', 'x', 'y', 'z')")
    ]
    assert names == ["d lists 'x' twice", "d lists 'y' twice"]


def test_long_statements_are_shortened(tmp_path: Path) -> None:
    [(_, _, words)] = write_migrations(tmp_path, f"CALL {'p' * 80}()")
    assert words == f"`CALL {'p' * 64}…`"
    [(_, _, words)] = write_migrations(tmp_path, f"CALL\n  {'p' * 62}()")
    assert words == f"`CALL {'p' * 62}()`"


def test_only_what_a_migration_touches_is_held_against_it(tmp_path: Path) -> None:
    assert write_migrations(tmp_path, "CREATE TABLE u (a INT)", "DROP TABLE u") == []
    first = "from alembic import op\nrevision, down_revision = '0', None\ndef upgrade():\n    op.execute('CREATE TABLE u (a INT)')\n"
    second = "from alembic import op\nrevision, down_revision = '1', '0'\ndef upgrade():\n    op.execute('CREATE TABLE v (a INT PRIMARY KEY)')\n"
    for name, text in (("zero", first), ("one", second)):
        (tmp_path / "versions" / f"{name}.py").write_text(text)
    assert [(one.file.name, one.code) for one in linter.check(tmp_path)] == [("zero.py", "NO_UNIQUE_KEY")]


@pytest.mark.parametrize(
    ("statement", "instead"),
    [
        ("ALTER TABLE t RENAME COLUMN c TO d", "`./uvw run python -m kit schema rename t.c d` writes the first migration"),
        ("ALTER TABLE t RENAME TO u", "Create 'u' in one migration, write both, copy the rows with kit.db.bulk, read the new one only, and drop 't'"),
    ],
)  # fmt: skip
def test_a_rename_names_the_alternative(statement: str, instead: str, tmp_path: Path) -> None:
    write_migrations(tmp_path, T, statement)
    [finding] = linter.check(tmp_path)
    assert instead in finding.problem.instead


def test_a_migration_that_asks_the_database_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    text = "from alembic import op\nrevision, down_revision = '1', None\ndef upgrade():\n    pass\n    rows = op.get_bind().execute('x').all()\n"
    (tmp_path / "versions" / "one.py").write_text(text)
    [finding] = linter.check(tmp_path)
    assert (finding.line, finding.code) == (5, "NOT_CHECKABLE")
    assert finding.problem.what.startswith("it cannot be read offline (AttributeError: ")


def test_a_statement_of_several_lines_is_named_with_its_first(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    text = "from alembic import op\nrevision, down_revision = '1', None\ndef upgrade():\n    op.execute(\n        'CALL p()'\n    )\n"
    (tmp_path / "versions" / "one.py").write_text(text)
    [finding] = linter.check(tmp_path)
    assert finding.line == 4


def test_a_migration_without_an_upgrade_is_named(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "one.py").write_text("revision, down_revision = '1', None\n")
    [finding] = linter.check(tmp_path)
    assert (finding.line, finding.code) == (1, "NOT_CHECKABLE")
    assert "upgrade" in finding.problem.what


def test_an_error_in_a_helper_is_named_at_the_line_that_calls_it(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    text = (
        "from alembic import op\nrevision, down_revision = '1', None\ndef upgrade():\n"
        "    op.execute('CREATE TABLE t (a INT PRIMARY KEY)')\n    int('x')\n"
    )
    (tmp_path / "versions" / "one.py").write_text(text)
    [finding] = linter.check(tmp_path)
    assert (finding.line, finding.problem.what[:39]) == (5, "it cannot be read offline (ValueError: ")
