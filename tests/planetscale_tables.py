"""Table schemas of the simulated PlanetScale: how they are printed, compared and changed."""

import functools
from typing import Any

from planetscale_contract import contract

Tables = dict[str, dict[str, str]]
"""The definition of each column, by table."""


@functools.cache
def _operation_schema() -> dict[str, Any]:
    schema = contract().operation("GET", "/deploy-requests/{number}").success[1]
    for name in ("deployment", "deploy_operations"):
        schema = contract().resolved(schema)["properties"][name]
    return contract().resolved(schema["items"])


def blank_operation() -> dict[str, Any]:
    """The plainest operation of a deploy request."""
    operation: dict[str, Any] = contract().example(_operation_schema())
    return operation


def create_table(name: str, columns: dict[str, str], *, rows: bool) -> str:
    """A table as Vitess prints it; with rows in it there is a counter."""
    lines = [f"\t`{column}` {definition}" for column, definition in columns.items()]
    options = ["ENGINE InnoDB", *(["AUTO_INCREMENT 1201"] if rows else []), "CHARSET utf8mb4"]
    body = ",\n".join([*lines, "\tPRIMARY KEY (`id`)"])
    return f"CREATE TABLE `{name}` (\n{body}\n) " + ",\n  ".join(options)


def difference(before: Tables, after: Tables) -> list[dict[str, Any]]:
    """The operations from one schema to another."""
    operations = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, {}), after.get(name, {})
        added = {column: new[column] for column in new.keys() - old.keys()}
        dropped = {column: old[column] for column in old.keys() - new.keys()}
        if name not in after:
            statement = f"DROP TABLE `{name}`"
        elif name not in before:
            statement = create_table(name, new, rows=False)
        else:
            parts = [f"ADD COLUMN `{column}` {definition}" for column, definition in sorted(added.items())]
            parts += [f"DROP COLUMN `{column}`" for column in sorted(dropped)]
            statement = f"ALTER TABLE `{name}` {', '.join(parts)}"
        if added or dropped:
            operations.append(operation(name, statement, added, dropped))
    return operations


def operation(table: str, statement: str, added: dict[str, str], dropped: dict[str, str]) -> dict[str, Any]:
    """What a deploy request does to one table."""
    changes = {"added": added, "dropped": dropped}
    return {"table_name": table, "ddl_statement": statement, "can_drop_data": bool(dropped)} | changes


def undone(one: dict[str, Any]) -> dict[str, Any]:
    """The operation that takes another back."""
    return one | {"added": one["dropped"], "dropped": one["added"]}


def apply(operations: list[dict[str, Any]], tables: Tables) -> None:
    """Carry operations out."""
    for one in operations:
        columns = tables.setdefault(one["table_name"], {})
        columns |= one["added"]
        for column in one["dropped"]:
            columns.pop(column, None)
        if not columns:
            del tables[one["table_name"]]
