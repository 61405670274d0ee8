"""The tables of a branch, and what a deploy request would change beyond the migrations.

A new branch can be older than production, so that its deploy request drops what production got since (sluicesync/sluice,
ADR-0162, live finding 3). So a branch is compared with production before it is migrated; the deploy request records what
both were, and before it is deployed both must still be that, and its operations no more than the difference.
"""

import hashlib
import json
import re
from typing import Any

from kit.planetscale.client import Client

Tables = dict[str, str]
"""Each table's `CREATE TABLE`, by name."""


def read(client: Client, branch: str) -> Tables:
    """The tables of a branch, without the counters that rows move on."""
    tables = client.get("branches/{}/schema", branch)["data"]
    return {table["name"]: re.sub(r",?\s+AUTO_INCREMENT\s*=?\s*\d+", "", table["raw"]) for table in tables}


def fingerprint(tables: Tables) -> str:
    """A short text that differs when the tables do."""
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()[:16]


def differences(before: Tables, after: Tables) -> list[str]:
    """What has to be done to `before` to get `after`, a line for each table."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) == after.get(name):
            continue
        if name not in before or name not in after:
            lines.append(f"{'create' if name in after else 'drop'} the table {name}")
            continue
        old, new = _definitions(before[name]), _definitions(after[name])
        parts = [f"drop {column}" for column in sorted(old.keys() - new.keys())]
        parts += [f"add {column}" for column in sorted(new.keys() - old.keys())]
        parts += [f"change {column}" for column in sorted(old.keys() & new.keys()) if old[column] != new[column]]
        lines.append(f"{name}: {', '.join(parts) or 'change its keys or options'}")
    return lines


def unexpected(operations: list[dict[str, Any]], before: Tables, after: Tables) -> list[str]:
    """The statements of a deploy request that the step from `before` to `after` does not explain."""
    return [operation["ddl_statement"] for operation in operations if not _explained(operation, before, after)]


def dropping(operations: list[dict[str, Any]]) -> list[str]:
    """The statements of a deploy request that can lose data, as PlanetScale says."""
    return [operation["ddl_statement"] for operation in operations if operation["can_drop_data"]]


def _explained(operation: dict[str, Any], before: Tables, after: Tables) -> bool:
    name, statement = operation["table_name"], operation["ddl_statement"]
    if before.get(name) == after.get(name):
        return False
    if name not in after:
        return True  # the migrations drop the table
    old, new = _definitions(before.get(name, "")), _definitions(after[name])
    if re.match(r"\s*DROP\s", statement, re.IGNORECASE):
        return False
    dropped = set(re.findall(r"\bDROP\s+COLUMN\s+`((?:[^`]|``)+)`", statement, re.IGNORECASE))
    altered = any(new.get(column) != definition for column, definition in old.items())
    return dropped <= old.keys() - new.keys() and (altered or not operation["can_drop_data"])


def _definitions(create_table: str) -> dict[str, str]:
    """The columns of a `CREATE TABLE`: MySQL puts each on a line of its own, its name first, in backticks."""
    lines = (line.strip().rstrip(",") for line in create_table.splitlines())
    return {match[1]: line for line in lines if (match := re.match(r"`((?:[^`]|``)+)`", line))}
