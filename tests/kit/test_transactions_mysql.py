"""Transactions on a real MySQL server, next to stock SQLAlchemy with PyMySQL on the same server."""

import gc
import os
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pymysql
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

import mysql
from kit import settings as kit_settings
from kit.db import connection, database
from kit.db.mysql import connection as kit_mysql
from kit.db.mysql.connection import TransactionEnded
from kit.db.tables import metadata
from kit.jobs import idempotency
from mysql_rival import FIRST, SECOND, Rival

EXAMPLES = int(os.environ.get("TRANSACTION_EXAMPLES", "150"))
"""Random histories to compare; `TRANSACTION_EXAMPLES=10000` took an hour on two busy cores."""

RETURNED = "Pool size: 1  Connections in pool: 1 Current Overflow: 0 Current Checked out connections: 0"
"""The status of a pool whose one connection is in it."""


@dataclass(frozen=True)
class Database:
    """A server with a table for the kit and an equal one for stock SQLAlchemy."""

    server: mysql.Server
    stock: Engine
    rival: Rival

    def reset(self) -> None:
        with self.rival.watcher.cursor() as cursor:
            for side in ("kit", "stock"):
                cursor.execute(f"DELETE FROM {side}_rows")
                cursor.execute(f"INSERT INTO {side}_rows VALUES (1, 0), (2, 0), ({FIRST}, 0), ({SECOND}, 0)")

    def rows(self, side: str) -> list[tuple[int, int]]:
        """What is committed."""
        with self.rival.watcher.cursor() as cursor:
            cursor.execute(f"SELECT id, n FROM {side}_rows ORDER BY id")
            return list(cursor.fetchall())

    def transaction(self, side: str) -> AbstractContextManager[Session]:
        return database.session() if side == "kit" else sessionmaker(self.stock).begin()


@pytest.fixture(scope="module")
def both(mysql_server: mysql.Server) -> Iterator[Database]:
    server = mysql_server.with_database("transactions")
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
        for side in ("kit", "stock"):
            cursor.execute(f"CREATE TABLE {side}_rows (id INT PRIMARY KEY, n INT NOT NULL)")
            cursor.execute(f"CREATE TABLE {side}_other (id INT PRIMARY KEY)")
    rival = Rival(server)
    # Drops between two transactions are tested elsewhere; here both sides survive them.
    stock = create_engine(
        make_url(server.url()).set(drivername="mysql+pymysql"),
        connect_args={"ssl": ssl.create_default_context(cafile=server.ca)},
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DATABASE_URL", server.url())
        environment.setenv("DATABASE_CA", server.ca)
        environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")  # one connection, as on Lambda
        kit_settings.current.cache_clear()
        database.engine.cache_clear()
        metadata.create_all(database.engine())
        yield Database(server, stock, rival)
        database.engine().dispose()
        kit_settings.current.cache_clear()
        database.engine.cache_clear()
    stock.dispose()
    rival.close()
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_lock_wait_timeout = DEFAULT")


START = [(1, 0), (2, 0), (FIRST, 0), (SECOND, 0)]


def catch_deadlock(both: Database, session: Session) -> None:
    with pytest.raises(OperationalError, match="Deadlock found"):
        both.rival.deadlock(lambda statement: session.execute(text(statement)), "kit_rows")


@pytest.fixture
def table(both: Database) -> str:
    """The kit's table, with the rows of `START`."""
    both.reset()
    return "kit_rows"


def test_nothing_is_kept_of_a_transaction_that_goes_on_after_a_deadlock(both: Database, table: str) -> None:
    refused = pytest.raises(OperationalError, match=r"ended this transaction with error 1213 .* retry the whole")
    with refused as failure, database.session() as session:
        catch_deadlock(both, session)
        session.execute(text(f"INSERT INTO {table} VALUES (3, 3)"))
    assert isinstance(failure.value.orig, TransactionEnded)
    assert both.rows("kit") == START


def test_a_transaction_that_ends_after_a_deadlock_does_not_pass_for_committed(both: Database, table: str) -> None:
    with pytest.raises(OperationalError, match="1213"), database.session() as session:
        catch_deadlock(both, session)
    assert both.rows("kit") == START


def test_a_deadlock_in_a_savepoint_leaves_it_unchanged_and_ends_the_whole_transaction(
    both: Database, table: str
) -> None:
    refused = pytest.raises(OperationalError, match="ended this transaction with error 1213")
    with refused, database.session() as session:
        session.execute(text(f"UPDATE {table} SET n = 5 WHERE id = 1"))
        with pytest.raises(OperationalError, match="Deadlock found") as failure, session.begin_nested():
            both.rival.deadlock(lambda statement: session.execute(text(statement)), table)
        assert not isinstance(failure.value.orig, TransactionEnded)
        session.execute(text(f"INSERT INTO {table} VALUES (3, 3)"))
    assert both.rows("kit") == START


def test_a_job_that_catches_a_deadlock_does_not_take_its_key(both: Database, table: str) -> None:
    refused = pytest.raises(OperationalError, match="1213")
    with refused, idempotency.once("app.jobs.charge", "order 7"), database.session() as session:
        catch_deadlock(both, session)
    assert both.rows("kit") == START
    with idempotency.once("app.jobs.charge", "order 7"), database.session() as session:  # so it can be run again
        session.execute(text(f"INSERT INTO {table} VALUES (3, 3)"))
    assert both.rows("kit") == sorted([*START, (3, 3)])


def test_after_a_lock_timeout_a_transaction_goes_on(both: Database, table: str) -> None:
    with database.session() as session:
        session.execute(text(f"INSERT INTO {table} VALUES (3, 3)"))
        with pytest.raises(OperationalError, match="1205"):
            both.rival.lock_timeout(lambda statement: session.execute(text(statement)), table)
        session.execute(text(f"INSERT INTO {table} VALUES (4, 4)"))
    assert both.rows("kit") == sorted([*START, (3, 3), (4, 4)])


def test_a_server_that_rolls_back_after_a_lock_timeout_ends_the_transaction(odd_server: mysql.Server) -> None:
    server = odd_server.with_database("timeouts")
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)")
        cursor.execute(f"INSERT INTO t VALUES ({SECOND}, 0)")
    engine, rival = connection.connect(server.url(), ca=server.ca), Rival(server)
    with pytest.raises(OperationalError, match="ended this transaction with error 1205"), engine.begin() as opened:
        opened.execute(text("SET innodb_lock_wait_timeout = 1"))
        opened.execute(text("INSERT INTO t VALUES (1, 1)"))
        with pytest.raises(OperationalError, match="1205"):
            rival.lock_timeout(lambda statement: opened.execute(text(statement)), "t")
        opened.execute(text("INSERT INTO t VALUES (2, 2)"))
    with engine.connect() as opened:
        assert opened.execute(text("SELECT count(*) FROM t WHERE n > 0")).scalar() == 0
    engine.dispose()
    rival.close()


def test_a_transaction_goes_on_after_streamed_rows(both: Database, table: str) -> None:
    opened = kit_mysql.MySQLConnection(**kit_mysql.connect_options(both.server.url(), both.server.ca))
    opened.begin()
    with pymysql.cursors.SSCursor(opened) as cursor:
        cursor.execute(f"SELECT id FROM {table}")
        assert [row[0] for row in cursor] == [row[0] for row in START]
    opened.query(f"INSERT INTO {table} VALUES (3, 3)")
    opened.commit()
    assert both.rows("kit") == sorted([*START, (3, 3)])
    opened.close()


def test_a_connection_with_its_own_isolation_level_is_not_replaced(both: Database, table: str) -> None:
    with database.engine().connect().execution_options(isolation_level="SERIALIZABLE") as opened:
        number = opened.scalar(text("SELECT CONNECTION_ID()"))
        opened.rollback()
        with both.rival.watcher.cursor() as cursor:
            cursor.execute(f"KILL {number}")
        with pytest.raises(OperationalError):  # a new connection would read with the server's default level
            opened.execute(text(f"SELECT * FROM {table}"))
    with database.reading() as session:
        assert session.scalar(text("SELECT @@transaction_isolation")) == "REPEATABLE-READ"


def test_a_session_whose_savepoints_cannot_be_rolled_back_returns_its_connection(both: Database, table: str) -> None:
    with pytest.raises(OperationalError, match="1305"), database.session() as session:
        for _ in range(3):
            session.begin_nested()
        session.execute(text(f"INSERT INTO {table} VALUES (3, 3)"))
        session.execute(text("ROLLBACK"))
        raise ZeroDivisionError
    assert database.engine().pool.status() == RETURNED
    with database.session() as session:
        session.execute(text(f"INSERT INTO {table} VALUES (4, 4)"))
    assert both.rows("kit") == sorted([*START, (4, 4)])


def test_a_transaction_on_a_killed_connection_is_refused_also_below_sqlalchemy(both: Database, table: str) -> None:
    opened = kit_mysql.MySQLConnection(**kit_mysql.connect_options(both.server.url(), both.server.ca))
    opened.begin()
    opened.query(f"INSERT INTO {table} VALUES (3, 3)")
    with both.rival.watcher.cursor() as cursor:
        cursor.execute(f"KILL {opened.thread_id()}")
    for _ in range(2):
        with pytest.raises(pymysql.err.OperationalError, match=r"(?i)lost connection|gone away|ended this transaction"):
            opened.query(f"INSERT INTO {table} VALUES (4, 4)")
    with pytest.raises(TransactionEnded):
        opened.commit()
    assert both.rows("kit") == START
    opened.close()


class Step(NamedTuple):
    """One thing that a block does."""

    action: str
    row: int
    caught: bool
    """Whether the block goes on after an error."""


class Block(NamedTuple):
    """One transaction."""

    steps: list[Step]
    ending: str


class Stop(Exception):
    """Leaves a block of the reference early, where the kit refused to go on."""


@dataclass
class Outcome:
    """What became of a block."""

    raised: bool = False
    refused_at: int | None = None
    errors: list[tuple[int, object]] = field(default_factory=list)


ACTIONS = {
    "insert": "INSERT INTO {table} VALUES ({row}, 1)",  # 1062 where the row is there already
    "update": "UPDATE {table} SET n = n + 1 WHERE id = {row}",
    "delete": "DELETE FROM {table} WHERE id = {row}",
    "read": "SELECT n FROM {table} WHERE id = {row} FOR UPDATE",
    "ddl": "TRUNCATE {other}",
    "ddl with rows": "ANALYZE TABLE {other}",
    "failing ddl": "CREATE TABLE {table} (id INT)",  # commits, and fails with 1050
    "begin as text": "BEGIN",
    "commit as text": "COMMIT",
    "rollback as text": "ROLLBACK",
}
CONFLICTS = {
    "deadlock": Rival.deadlock,
    "kill query": Rival.kill_query,
    "kill connection": Rival.kill_connection,
    "lock timeout": Rival.lock_timeout,
}
ENDED_BY_ERROR = {"deadlock", "kill connection", "failing ddl"}
"""Actions whose error ends the transaction."""


def is_refusal(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, TransactionEnded):
            return True
        error = error.__cause__ or error.__context__
    return False


def code(error: SQLAlchemyError) -> object:
    return error.orig.args[0] if isinstance(error, DBAPIError) and error.orig else type(error)


def perform(step: Step, session: Session, savepoints: list[Any], side: str, both: Database) -> None:
    def execute(statement: str) -> Any:
        return session.execute(text(statement))

    if step.action == "savepoint":
        savepoints.append(session.begin_nested())
    elif step.action in ("release", "rollback to"):
        if savepoints:
            savepoint = savepoints.pop()
            savepoint.commit() if step.action == "release" else savepoint.rollback()
    elif conflict := CONFLICTS.get(step.action):
        conflict(both.rival, execute, f"{side}_rows")
    else:
        result = execute(ACTIONS[step.action].format(table=f"{side}_rows", other=f"{side}_other", row=step.row))
        if result.returns_rows:
            result.all()


def run(block: Block, side: str, both: Database, stop_at: int | None = None) -> Outcome:
    """Run a block; the reference is left by an exception before step `stop_at`."""
    outcome = Outcome()
    at_end = False

    def note(number: int, error: SQLAlchemyError) -> None:
        if outcome.refused_at is None and is_refusal(error):
            outcome.refused_at = number
        if outcome.refused_at is None:
            outcome.errors.append((number, code(error)))

    try:
        with both.transaction(side) as session:
            savepoints: list[Any] = []
            for number, step in enumerate(block.steps):
                if number == stop_at:
                    raise Stop
                try:
                    perform(step, session, savepoints, side, both)
                except SQLAlchemyError as error:
                    note(number, error)
                    if not step.caught:
                        raise
            if stop_at is not None or block.ending == "raise":
                raise Stop
            at_end = True
            if block.ending == "rollback":
                session.rollback()
    except Stop:
        outcome.raised = True
    except SQLAlchemyError as error:  # an error of the step, of the commit, or of the rollback after either
        if at_end:
            note(len(block.steps), error)
        outcome.raised = True
    return outcome


def without_needless(stock: Outcome, block: Block) -> Outcome:
    """The outcome without the errors of rolling back to a savepoint whose transaction an error has ended.

    The kit has none there: nothing is left to roll back.
    """
    actions = [step.action for step in block.steps] + ["rollback to" if block.ending == "rollback" else block.ending]
    ended = next((number for number, action in enumerate(actions) if action in ENDED_BY_ERROR), len(actions))
    needless = [
        error for error in stock.errors if error[1] == 1305 and actions[error[0]] == "rollback to" and error[0] > ended
    ]
    raised = stock.raised and (len(block.steps), 1305) not in needless
    return replace(stock, raised=raised, errors=[error for error in stock.errors if error not in needless])


STEPS = st.builds(
    Step,
    st.sampled_from(
        ["insert", "update", "delete", "savepoint", "release", "rollback to"] * 20
        + ["read", "deadlock", "kill query", "kill connection"] * 6
        + ["ddl", "ddl with rows", "failing ddl", "begin as text", "commit as text", "rollback as text"] * 4
        + ["lock timeout"]  # takes a second
    ),
    st.integers(1, 4),
    st.sampled_from([True, True, True, False]),
)
BLOCKS = st.builds(Block, st.lists(STEPS, max_size=10), st.sampled_from(["end", "end", "raise", "rollback"]))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="TRANSACTION_EXAMPLES" not in os.environ,
    phases=[Phase.explicit, Phase.generate],  # a connection that leaked would be missing while it shrinks
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(BLOCKS, min_size=1, max_size=3))
def test_what_is_committed_is_what_stock_sqlalchemy_commits(both: Database, blocks: list[Block]) -> None:
    """Where the kit refuses to go on, it is what stock SQLAlchemy commits when the block raises at that step."""
    both.reset()
    for block in blocks:
        ours = run(block, "kit", both)
        stock = run(block, "stock", both, stop_at=ours.refused_at)
        assert database.engine().pool.status() == RETURNED, (block, ours)
        if both.stock.pool.status() != RETURNED:
            gc.collect()  # where several savepoints can't be rolled back, stock SQLAlchemy's session keeps its connection
        assert both.rows("kit") == both.rows("stock")
        stock = without_needless(stock, block)
        assert ours.errors == stock.errors
        if ours.refused_at is None:
            assert ours.raised == stock.raised
            assert ours.raised or block.ending == "rollback" or all(error != 1213 for _, error in ours.errors)
        else:
            assert ours.raised or block.ending == "rollback"
            assert any(step.action in ENDED_BY_ERROR for step in block.steps[: ours.refused_at])
