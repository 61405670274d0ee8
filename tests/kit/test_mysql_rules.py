"""MySQL's own rules: what the check says of a statement, held against what a MySQL server says of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

import mysql
from kit.db.mysql.rules import exactness
from kit.db.schema.parse import parse
from kit.planetscale.lint import linter

SHAPES: list[tuple[str, str, list[str]]] = [
    (error, code, [statement.strip() for statement in statements.split(";;")])
    for error, code, statements in (
        (part.strip() for part in line.split("|", 2))
        for line in (Path(__file__).parent / "mysql_shapes.txt").read_text().splitlines()
        if not line.startswith("#")
    )
]


def columns(kind: str) -> Callable[[int], str]:
    """A table of so many columns of this kind, beside its key."""
    return lambda count: (
        f"CREATE TABLE t (id BIGINT PRIMARY KEY, {', '.join(f'c{number} {kind}' for number in range(count))})"
    )


LIMITS: dict[str, tuple[int, Callable[[int], str]]] = {
    "TEXT": (1118, columns("TEXT")),
    "TEXT that is never null": (1118, columns("TEXT NOT NULL")),
    "VARCHAR of 36 bytes": (1118, columns("VARCHAR(9) NOT NULL")),
    "VARCHAR of 40 bytes": (1118, columns("VARCHAR(10) NOT NULL")),
    "VARCHAR of 44 bytes": (1118, columns("VARCHAR(11) NOT NULL")),
    "CHAR of one byte a character": (1118, columns("CHAR(200) CHARACTER SET latin1 NOT NULL")),
    "CHAR": (1118, columns("CHAR(50) NOT NULL")),
    "nullable CHAR": (1118, columns("CHAR(255)")),
    "BINARY": (1118, columns("BINARY(100) NOT NULL")),
    "VARBINARY": (1118, columns("VARBINARY(100) NOT NULL")),
    "nullable VARCHAR": (1118, columns("VARCHAR(100)")),
    "DECIMAL": (1118, columns("DECIMAL(65,30) NOT NULL")),
    "DATETIME": (1118, columns("DATETIME(6) NOT NULL")),
    "indexes": (
        1069,
        lambda n: f"CREATE TABLE t (a INT PRIMARY KEY, {', '.join(f'INDEX i{one} (a)' for one in range(n))})",
    ),
    "columns of an index": (
        1070,
        lambda n: columns("INT")(n)[:-1] + f", INDEX i ({', '.join(f'c{one}' for one in range(n))}))",
    ),
    "the table's comment": (1628, lambda n: f"CREATE TABLE t (a INT PRIMARY KEY) COMMENT '{'x' * n}'"),
    "a column's comment": (1629, lambda n: f"CREATE TABLE t (a INT PRIMARY KEY COMMENT '{'x' * n}')"),
    "a member": (3505, lambda n: f"CREATE TABLE t (a INT PRIMARY KEY, b ENUM('{'x' * n}'))"),
    "members of a SET": (
        1097,
        lambda n: f"CREATE TABLE t (a INT PRIMARY KEY, b SET({', '.join(repr(str(one)) for one in range(n))}))",
    ),
}
LARGEST = {
    "TEXT": 196,
    "TEXT that is never null": 197,
    "VARCHAR of 36 bytes": 218,
    "VARCHAR of 40 bytes": 197,
    "VARCHAR of 44 bytes": 197,
    "CHAR of one byte a character": 40,
    "CHAR": 197,
    "nullable CHAR": 64,
    "BINARY": 80,
    "VARBINARY": 197,
    "nullable VARCHAR": 162,
    "DECIMAL": 269,
    "DATETIME": 1012,
    "indexes": 63,
    "columns of an index": 16,
    "the table's comment": 2048,
    "a column's comment": 1024,
    "a member": 255,
    "members of a SET": 64,
}
"""The largest number of each that a server takes."""


def codes(folder: Path, statements: list[str]) -> set[str]:
    """What the check says of a migration of these statements; MySQL's part, if it is about the last one."""
    (folder / "versions").mkdir(exist_ok=True)
    lines = ["from alembic import op", "revision, down_revision = '1', None", "def upgrade():"]
    lines += [f"    op.execute({statement!r})" for statement in statements]
    (folder / "versions" / "one.py").write_text("\n".join(lines))
    found = linter.check(folder, live_after="1", foreign_keys=True)
    return {one.code for one in found if one.line == len(lines)}


@pytest.fixture(scope="module")
def server(tls_server: mysql.Server) -> Iterator[Any]:
    """A connection to a database of its own."""
    with tls_server.with_database("shapes").admin() as connection, connection.cursor() as cursor:
        yield cursor
        cursor.execute("DROP DATABASE shapes")


def error(cursor: Any, statements: list[str]) -> str:
    """The number of the server's error at the last statement; `-` without one."""
    for command in ("DROP DATABASE shapes", "CREATE DATABASE shapes", "USE shapes", *statements[:-1]):
        cursor.execute(command)
    try:
        cursor.execute(statements[-1])
    except pymysql.Error as refused:
        return str(refused.args[0])
    return "-"


def test_what_mysql_refuses_is_refused_with_its_number(tmp_path: Path) -> None:
    missed = [
        (code, statements)
        for error, code, statements in SHAPES
        if error != "-" and code not in codes(tmp_path, statements)
    ]
    assert missed == []


def test_what_mysql_takes_is_taken(tmp_path: Path) -> None:
    taken = [(codes(tmp_path, statements), statements) for error, _, statements in SHAPES if error == "-"]
    assert len(taken) > 190
    alarms = [one for one in taken if any(code.startswith(("MYSQL_", "NOT_CHECKABLE")) for code in one[0])]
    assert alarms == []


def test_the_server_says_of_each_shape_what_is_written_beside_it(server: Any) -> None:
    said = [(error(server, statements), statements) for _, _, statements in SHAPES]
    assert said == [(number, statements) for number, _, statements in SHAPES]


@pytest.mark.parametrize("name", LIMITS)
def test_the_limits_are_the_servers_to_the_last_byte(name: str, tmp_path: Path) -> None:
    number, shape = LIMITS[name]
    assert not codes(tmp_path, [shape(LARGEST[name])]) & {f"MYSQL_{number}"}
    assert codes(tmp_path, [shape(LARGEST[name] + 1)]) >= {f"MYSQL_{number}"}


def test_the_server_has_these_limits(server: Any) -> None:
    said = {
        name: [error(server, [shape(LARGEST[name] + more)]) for more in (0, 1)] for name, (_, shape) in LIMITS.items()
    }
    assert said == {name: ["-", str(number)] for name, (number, _) in LIMITS.items()}


INEXACT = {
    "FLOAT": "INEXACT_FLOAT",
    "FLOAT(24)": "",
    "DOUBLE": "",
    "DATETIME": "INEXACT_TIME",
    "DATETIME(6)": "",
    "TIMESTAMP": "INEXACT_TIME",
    "TIME": "INEXACT_TIME",
    "TIME(6)": "",
    "DECIMAL": "INEXACT_DECIMAL",
    "NUMERIC": "INEXACT_DECIMAL",
    "NUMERIC(10, 2)": "",
    "DATE": "",
    "INT": "",
}


@pytest.mark.parametrize("kind", INEXACT)
def test_a_type_in_which_mysql_changes_values_is_named(kind: str) -> None:
    tree = parse(f"CREATE TABLE t (a {kind})")
    assert [problem.code for _, problem in exactness.of_statement(tree)] == ([INEXACT[kind]] if INEXACT[kind] else [])


VALUES = {
    "FLOAT": ("35.6812405", "35.6812"),
    "DATETIME": ("'2026-01-02 03:04:05.9'", "2026-01-02 03:04:06"),
    "TIMESTAMP": ("'2026-01-02 03:04:05.9'", "2026-01-02 03:04:06"),
    "TIME": ("'03:04:05.9'", "3:04:06"),
    "DECIMAL": ("2.5", "3"),
}


def test_the_server_changes_the_values_of_these_types(server: Any) -> None:
    for kind, (value, stored) in VALUES.items():
        server.execute("DROP TABLE IF EXISTS t")
        server.execute(f"CREATE TABLE t (a {kind})")
        server.execute(f"INSERT INTO t VALUES ({value})")
        server.execute("SELECT a FROM t")
        assert str(server.fetchone()[0]) == stored


def test_once_a_migration_cannot_be_followed_other_tables_may_exist(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    asks = "from alembic import op\nrevision, down_revision = '0', None\ndef upgrade():\n    op.get_bind().execute('x').all()\n"
    (tmp_path / "versions" / "zero.py").write_text(asks)
    alters = "from alembic import op\nrevision, down_revision = '1', '0'\ndef upgrade():\n    op.execute('ALTER TABLE x DROP COLUMN a')\n"
    (tmp_path / "versions" / "one.py").write_text(alters)
    assert [one.code for one in linter.check(tmp_path)] == ["NOT_CHECKABLE"]
