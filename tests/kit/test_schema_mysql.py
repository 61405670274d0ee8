"""What the schema check believes that tables become, held against what they become on a MySQL server."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
import server_tables

import mysql
from kit.db.schema import render_sql
from kit.db.schema.tables import Tables
from kit.planetscale.lint import rules

CORPUS = Path(__file__).parent / "corpus"
CHANGES = sorted(file.stem for file in CORPUS.glob("good_*.py"))
SCRIPTS = {
    "keys beside columns": [
        "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(9) UNIQUE, c INT NOT NULL UNIQUE KEY, d TEXT, UNIQUE (c, b))",
        "ALTER TABLE t DROP COLUMN b",
    ],
    "keys added and dropped": [
        "CREATE TABLE t (a INT NOT NULL, b VARCHAR(90) NOT NULL, c TEXT)",
        "CREATE UNIQUE INDEX u1 ON t (b(10), a)",
        "ALTER TABLE t ADD UNIQUE KEY u2 (c(5)), ADD CONSTRAINT u3 UNIQUE (a), ADD INDEX i4 (b)",
        "ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY (a)",
        "DROP INDEX u1 ON t",
        "ALTER TABLE t DROP INDEX u2",
        "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b(3), a)",
    ],
    "descending keys": [
        "CREATE TABLE t (a INT NOT NULL PRIMARY KEY, b VARCHAR(90) NOT NULL, UNIQUE KEY u1 (a DESC, b ASC))",
        "CREATE UNIQUE INDEX u2 ON t (b(10) DESC, a)",
    ],
    "nullability": [
        "CREATE TABLE t (a INT, b INT NULL, c INT NOT NULL, d INT DEFAULT 3, PRIMARY KEY (a))",
        "ALTER TABLE t MODIFY b INT NOT NULL, MODIFY COLUMN c INT NULL, ADD COLUMN e JSON NOT NULL, ADD f INT",
        "ALTER TABLE t ALTER COLUMN d SET DEFAULT 4",
    ],
    "renames": [
        "CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, UNIQUE KEY u (a, b), PRIMARY KEY (b))",
        "ALTER TABLE t RENAME COLUMN a TO z",
        "ALTER TABLE t CHANGE b y BIGINT NOT NULL",
        "ALTER TABLE t RENAME TO s",
        "ALTER TABLE s ADD COLUMN x LONGBLOB",
    ],
    "dropped columns in keys": [
        "CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, c INT NOT NULL, UNIQUE KEY u (a, b), UNIQUE KEY v (c))",
        "ALTER TABLE t DROP COLUMN b, DROP COLUMN c",
    ],
    "tables that come and go": [
        "CREATE TABLE t (a INT PRIMARY KEY, b MEDIUMTEXT)",
        "CREATE TABLE IF NOT EXISTS `u` LIKE t",
        "CREATE TABLE v (a INT PRIMARY KEY)",
        "CREATE TABLE w (a INT PRIMARY KEY)",
        "DROP TABLE v, w",
        "ALTER TABLE u ADD COLUMN c TINYBLOB, DROP COLUMN b",
    ],
    "all else": [
        "CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, b NVARCHAR(9) DEFAULT 'x', c REAL, d NUMERIC, e BOOL DEFAULT TRUE, f TEXT(70000), g CHAR, h TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), i FLOAT(30))",
        "ALTER TABLE t ADD CHECK (a > 1), ADD j INT AS (a + 1) STORED COMMENT 'one more'",
        "ALTER TABLE t ADD CONSTRAINT k CHECK (b <> 'y')",
        "ALTER TABLE t ADD INDEX l (f(20), b DESC), ADD FULLTEXT INDEX m (f), ADD INDEX n ((lower(b)))",
        "CREATE INDEX o ON t (b) USING BTREE",
        "CREATE INDEX p ON t (b) COMMENT 'a comment'",
        "ALTER TABLE t RENAME INDEX o TO q",
        "ALTER TABLE t ALTER COLUMN b SET DEFAULT 'z', ALTER COLUMN e DROP DEFAULT",
        "ALTER TABLE t COMMENT 'about t', COLLATE utf8mb4_0900_bin",
        "ALTER TABLE t ADD r VARCHAR(9), ADD s VARCHAR(9) COLLATE utf8mb4_general_ci",
        "ALTER TABLE t DROP CHECK k, DROP COLUMN j",
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "CREATE TABLE u (a INT PRIMARY KEY, b INT, CONSTRAINT v FOREIGN KEY (b) REFERENCES t (a) ON DELETE CASCADE)",
        "ALTER TABLE u ADD FOREIGN KEY (a) REFERENCES t (a) ON UPDATE NO ACTION",
    ],
    "types": [
        "CREATE TABLE t (a SERIAL PRIMARY KEY, b TINYTEXT, c BLOB, d MEDIUMBLOB, e LONGTEXT, f VARBINARY(9), g DATETIME(6))",
        "ALTER TABLE t ADD h ENUM('x', 'y') NOT NULL, ADD i SET('x'), ADD j DECIMAL(9, 2) UNSIGNED, ADD k YEAR, ADD l BIT(3)",
        "ALTER TABLE t ADD m INT(11), ADD n TINYINT(4), ADD o TINYINT(1), ADD p TINYINT(1) UNSIGNED, ADD q BIGINT(1), ADD r BINARY",
    ],
}


@pytest.fixture(scope="module")
def server(tls_server: mysql.Server) -> Iterator[Any]:
    """A connection to a database of its own."""
    with tls_server.with_database("tables").admin() as connection, connection.cursor() as cursor:
        yield cursor
        cursor.execute("DROP DATABASE tables")


def applied(cursor: Any, statements: list[str]) -> tuple[Any, Any]:
    """The tables after these statements, as the check believes and as MySQL says; what it refuses changes neither.

    All of a table's definition is compared with what the server prints, too.
    """
    cursor.execute("DROP DATABASE tables")
    cursor.execute("CREATE DATABASE tables")
    cursor.execute("USE tables")
    tables = Tables()
    for statement in statements:
        if list(rules.of_text(statement)):
            continue  # the check refuses it without looking at the tables
        try:
            cursor.execute(statement)
        except pymysql.Error:
            continue
        tables.apply_sql(statement)
    mine, theirs = believed(tables), actual(cursor)
    if not any(table.unfollowed for table in tables.tables.values()):
        assert server_tables.differences(tables, printed(cursor, list(theirs))) == ""
    return mine, theirs


def printed(cursor: Any, names: list[str]) -> list[str]:
    statements = []
    for name in names:
        cursor.execute(f"SHOW CREATE TABLE `{name}`")
        statements.append(cursor.fetchone()[1])
    return statements


def believed(tables: Tables) -> dict[str, Any]:
    return {
        name: SimpleNamespace(
            columns={column: (one.nullable, one.blob) for column, one in table.columns.items()},
            keys={
                name: [(part.column, part.length is not None) for part in key.parts]
                for name, key in table.keys.items()
                if key.unique
            },
        )
        for name, table in tables.tables.items()
    }


def actual(cursor: Any) -> dict[str, Any]:
    cursor.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'tables' AND table_type LIKE 'BASE%'"
    )
    tables = {name: SimpleNamespace(columns={}, keys={}) for (name,) in cursor.fetchall()}
    cursor.execute(
        "SELECT table_name, column_name, is_nullable = 'YES', data_type LIKE '%text' OR data_type LIKE '%blob'"
        " OR data_type = 'json' FROM information_schema.columns WHERE table_schema = 'tables' ORDER BY ordinal_position"
    )
    for table, column, nullable, blob in cursor.fetchall():
        if table in tables:
            tables[table].columns[column] = (bool(nullable), bool(blob))
    cursor.execute(
        "SELECT table_name, index_name, column_name, sub_part IS NOT NULL FROM information_schema.statistics"
        " WHERE table_schema = 'tables' AND non_unique = 0 ORDER BY index_name, seq_in_index"
    )
    for table, key, column, prefix in cursor.fetchall():
        tables[table].keys.setdefault(key, []).append((column, bool(prefix)))
    return tables


@pytest.mark.parametrize("name", SCRIPTS)
def test_tables_become_what_they_become_on_mysql(server: Any, name: str) -> None:
    mine, theirs = applied(server, SCRIPTS[name])
    assert mine == theirs


def test_the_migrations_of_the_corpus_become_what_they_become_on_mysql(server: Any) -> None:
    for change in CHANGES:
        statements = []
        for script in ("base", change):
            try:
                module = render_sql.statements(scripted(CORPUS / f"{script}.py"))
            except render_sql.Unreadable:
                continue
            statements += [statement.sql for statement in module]
        mine, theirs = applied(server, statements)
        assert mine == theirs, change


def scripted(file: Path) -> Any:
    """A migration as Alembic would load it."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return SimpleNamespace(path=str(file), module=module)
