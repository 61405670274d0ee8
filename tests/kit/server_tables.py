"""What a MySQL server says its tables are, held against what the kit believes."""

import re

from kit.db.schema import compare
from kit.db.schema.tables import Tables


def differences(believed: Tables, create_statements: list[str]) -> str:
    """Where the kit's tables differ from those that the server prints with SHOW CREATE TABLE."""
    on_server = Tables()
    for sql in create_statements:
        if "`alembic_version`" not in sql:
            on_server.apply_sql(re.sub(r"_utf8mb[34](?=')", "", sql))  # it prints each text's character set
    for table in on_server.tables.values():  # what a server adds by itself
        table.options.pop("ENGINE", None)
        table.keys = {name: key for name, key in table.keys.items() if name not in table.foreign_keys}
    for name, table in believed.tables.items():
        if name in on_server.tables and not table.collation and table.charset in {None, "utf8mb4"}:
            table.collation = on_server.tables[name].collation  # the server's default
    for table in (*on_server.tables.values(), *believed.tables.values()):
        for check in table.checks.values():
            check.expression = normal(check.expression)
    return "\n".join(one.sentence("MySQL") for one in compare.differences(on_server, believed))


def normal(sql: str) -> str:
    """The SQL without what two spellings of one expression can differ in."""
    return re.sub(r"[()\s\"`]", "", sql).lower()
