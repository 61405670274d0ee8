"""What is read from a real MySQL, beside what PyMySQL reads by itself."""

import random
import re
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

import mysql
from kit.db import mysql as kit_mysql

Read = tuple[tuple[Any, ...], Any, int]

NUMBERS = r"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \1)"
"""What `NUMBERS(…)` stands for in the queries here: so many rows, counted from 1."""

QUERIES = {
    "one value": "SELECT 1",
    "no rows": "SELECT 1 AS a, 'b' AS b FROM DUAL WHERE 1 = 0",
    "nothing at all": "SELECT NULL, '', NULL, 0",
    "nothing first": "NUMBERS(300) SELECT NULL, i FROM n",
    "more packets than are numbered": "NUMBERS(700) SELECT i, -i FROM n",
    "many columns": "SELECT " + ", ".join(f"{number} AS c{number}" for number in range(400)),
    "texts around a length of one byte": "NUMBERS(600) SELECT REPEAT('é', i) FROM n",
    "texts around a length of two bytes": "NUMBERS(9) SELECT REPEAT('x', 65530 + i), i FROM n",
    "rows larger than the buffer": "NUMBERS(5) SELECT REPEAT('東', 5000 * i), i, REPEAT('x', 8192) FROM n",
    "a row larger than a packet": "SELECT REPEAT('x', 17 * 1024 * 1024), 1",
    "kinds": "SELECT 1.50, CAST(1.5 AS FLOAT), 1e3, TRUE, NOW(6), CURDATE(), CURTIME(), CAST('[1]' AS JSON), "
    "x'00ff', b'101', CAST('é' AS BINARY), CAST(-9223372036854775808 AS SIGNED), CAST('0000-00-00' AS CHAR)",
    "two of a name": "SELECT 1 AS a, 2 AS a",
}


def written_out(query: str) -> str:
    return re.sub(r"NUMBERS\((\d+)\)", NUMBERS, query)


@pytest.fixture(scope="module")
def ours(tls_server: mysql.Server) -> Iterator[kit_mysql.MySQLConnection]:
    """The kit's connection."""
    opened = kit_mysql.MySQLConnection(**kit_mysql.arguments(tls_server.url(), tls_server.ca))
    opened.query("SET SESSION cte_max_recursion_depth = 100000")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def plain(tls_server: mysql.Server) -> Iterator[Any]:
    """PyMySQL's own."""
    opened = pymysql.connect(**kit_mysql.arguments(tls_server.url(), tls_server.ca))
    opened.query("SET SESSION cte_max_recursion_depth = 100000")
    yield opened
    opened.close()


def read(connection: Any, query: str) -> Read:
    with connection.cursor() as cursor:
        cursor.execute(written_out(query))
        return cursor.fetchall(), cursor.description, cursor.rowcount


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_result_is_what_pymysql_makes_of_it_and_again_when_its_columns_are_known(
    ours: kit_mysql.MySQLConnection, plain: Any, query: str
) -> None:
    for connection in (ours, plain):
        connection.query("SET timestamp = 1700000000.5")
    expected = read(plain, query)
    assert [read(ours, query) for _ in range(3)] == [expected] * 3


def test_results_of_any_size_follow_each_other_unmixed(ours: kit_mysql.MySQLConnection, plain: Any) -> None:
    shuffled = random.Random(7)
    for _ in range(300):
        rows, width, columns = shuffled.randint(0, 40), shuffled.randint(0, 3000), shuffled.randint(1, 6)
        texts = [f"REPEAT(CHAR(96 + {n}), i * {width} / 20) AS c{n}" for n in range(1, columns + 1)]
        query = " ".join([f"NUMBERS({rows or 1}) SELECT", ", ".join(["i", *texts]), f"FROM n WHERE {rows} > 0"])
        assert read(ours, query) == read(plain, query)


def test_columns_of_another_kind_are_not_taken_for_those_before(ours: kit_mysql.MySQLConnection) -> None:
    assert read(ours, "SELECT 1 AS a")[0] == ((1,),)
    assert read(ours, "SELECT '1' AS a")[0] == (("1",),)
    assert read(ours, "SELECT 1 AS b")[1][0][0] == "b"


def test_columns_are_remembered_within_bounds(ours: kit_mysql.MySQLConnection) -> None:
    for number in range(150):
        assert read(ours, f"SELECT {number} AS c{number}")[0] == ((number,),)
    assert len(ours.columns) <= 100


def test_an_error_in_the_middle_of_a_result_is_raised_and_the_next_is_whole(ours: kit_mysql.MySQLConnection) -> None:
    failing = "NUMBERS(5000) SELECT i, IF(i < 4000, REPEAT('x', 100), (SELECT 1 UNION SELECT 2)) FROM n"
    with pytest.raises(pymysql.err.OperationalError, match="more than 1 row"):
        read(ours, failing)
    assert read(ours, "SELECT 'whole'")[0] == (("whole",),)


def test_a_result_may_be_read_row_by_row(ours: kit_mysql.MySQLConnection) -> None:
    with pymysql.cursors.SSCursor(ours) as cursor:  # type: ignore[arg-type]
        cursor.execute(written_out("NUMBERS(500) SELECT i FROM n"))
        assert [row[0] for row in cursor] == list(range(1, 501))


def test_a_connection_that_breaks_before_its_result_is_said_to_be_lost(tls_server: mysql.Server) -> None:
    slow = kit_mysql.MySQLConnection(**kit_mysql.arguments(tls_server.url(), tls_server.ca))
    slow._execute_command(3, "SELECT SLEEP(5)")  # type: ignore[attr-defined]
    with tls_server.admin() as admin, admin.cursor() as cursor:
        cursor.execute(f"KILL {slow.thread_id()}")
    with pytest.raises(pymysql.err.OperationalError) as failure:
        slow._read_query_result()
    assert kit_mysql.lost(failure.value)
