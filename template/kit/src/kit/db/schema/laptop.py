"""What the tables look like on SQLite, where names and expressions can be others than on MySQL."""

import warnings
from dataclasses import dataclass, field

from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import SAWarning


@dataclass
class LaptopTable:
    """A table on SQLite."""

    checks: dict[str, str] = field(default_factory=dict)
    """The expressions of its checks that have a name."""
    unnamed_checks: list[str] = field(default_factory=list)
    uniques: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    expression_indexes: dict[str, str] = field(default_factory=dict)
    """The statements that create its indexes on expressions."""
    foreign_keys: set[str] = field(default_factory=set)
    primary_key: str | None = None
    """Its name, if it has one."""
    computed: dict[str, str] = field(default_factory=dict)
    """The expressions of computed columns."""
    defaults: dict[str, str] = field(default_factory=dict)


@dataclass
class Laptop:
    """The tables by name."""

    tables: dict[str, LaptopTable] = field(default_factory=dict)

    def table(self, name: str) -> LaptopTable:
        """The table of that name, or an empty one."""
        return self.tables.get(name) or LaptopTable()


def read(engine: Engine) -> Laptop:
    """Read them from a database."""
    laptop = Laptop()
    with warnings.catch_warnings():  # the inspector warns of indexes on expressions, which are read here
        warnings.simplefilter("ignore", SAWarning)
        inspector = inspect(engine)
        for name in inspector.get_table_names():
            table = laptop.tables[name] = LaptopTable()
            for check in inspector.get_check_constraints(name):
                if check["name"]:
                    table.checks[str(check["name"])] = check["sqltext"]
                else:
                    table.unnamed_checks.append(check["sqltext"])
            table.uniques = {str(one["name"]) for one in inspector.get_unique_constraints(name)}
            table.foreign_keys = {str(one["name"]) for one in inspector.get_foreign_keys(name)}
            table.indexes = {str(one["name"]) for one in inspector.get_indexes(name)}
            table.primary_key = inspector.get_pk_constraint(name)["name"]
            for column in inspector.get_columns(name):
                if "computed" in column:
                    table.computed[column["name"]] = column["computed"]["sqltext"]
                elif column["default"] is not None:
                    table.defaults[column["name"]] = column["default"]
    query = text("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    with engine.connect() as connection:
        for owner, name, sql in connection.execute(query):
            if name not in laptop.table(owner).indexes:
                laptop.tables[owner].expression_indexes[name] = sql
                laptop.tables[owner].indexes.add(name)
    return laptop
