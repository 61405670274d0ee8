"""Makes an engine for SQLite."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from kit.db.sqlite import column_types, cursor, ids, returning, text, transactions
from kit.db.transactions import SavepointTracking


class Dialect(SavepointTracking, SQLiteDialect_pysqlite):
    """Registered as `sqlite+kit`."""

    supports_statement_cache = True
    update_returning = delete_returning = False
    ddl_compiler = ids.DDLCompiler
    colspecs = SQLiteDialect_pysqlite.colspecs | column_types.COLSPECS


def engine(url: str, *, strict: bool) -> Engine:
    """Make an engine for a file, whose folder is created too, or for memory; `strict` limits the size of results."""
    if (file := make_url(url).database) and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    registry.register("sqlite.kit", "kit.db.sqlite.engine", "Dialect")
    engine = create_engine(
        make_url(url).set(drivername="sqlite+kit"),
        connect_args={"factory": cursor.CountingConnection if strict else cursor.Connection},
        json_serializer=column_types.to_json,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions; see `transactions`
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")
        text.register(connection)

    return engine


def watch(engine: Engine) -> None:
    """Begin this engine's transactions, and refuse what MySQL refuses."""
    transactions.watch(engine)
    returning.watch(engine)
