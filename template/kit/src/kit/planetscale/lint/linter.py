"""Checks the migrations from the first to the last, as a deploy request would."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp

from kit.db.schema import render_sql
from kit.db.schema.parse import parse
from kit.db.schema.tables import Tables
from kit.planetscale.lint import rules
from kit.planetscale.lint.rules import Problem


@dataclass(frozen=True)
class Finding:
    """A problem with the line of the migration that causes it."""

    file: Path
    line: int
    problem: Problem

    @property
    def code(self) -> str:
        """The rule's code."""
        return self.problem.code


def check(folder: Path, *, foreign_keys: bool = False) -> list[Finding]:
    """Return what PlanetScale would refuse of the migrations in `folder`, in their order."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs every migration that it reads
    tables = Tables()
    findings = []
    for script in render_sql.scripts(folder):
        findings += _check_script(script, tables, foreign_keys)
    return findings


def _check_script(script: Any, tables: Tables, foreign_keys: bool) -> list[Finding]:
    findings: list[Finding] = []
    touched: dict[str, int] = {}
    file = Path(script.path)
    try:
        statements = render_sql.statements(script)
    except render_sql.Unreadable as error:
        return [
            Finding(file, error.line, rules.problem("NOT_CHECKABLE", f"it cannot be read offline ({error.reason})"))
        ]
    for statement in statements:
        problems = list(rules.of_text(statement.sql))
        if not problems:
            tree = parse(statement.sql)
            if tree is None or isinstance(tree, exp.Command):
                problems = list(rules.of_unparsed(statement.sql, foreign_keys=foreign_keys))
                if tree is None and not problems:
                    problems = [rules.problem("NOT_CHECKABLE", f"`{statement.sql[:70]}` cannot be parsed")]
            else:
                problems = list(rules.of_statement(tree, tables, foreign_keys=foreign_keys))
                touched |= dict.fromkeys(tables.apply(tree), statement.line)
        findings += [Finding(file, statement.line, one) for one in problems]
    findings += [Finding(file, touched.get(name, 1), one) for name, one in rules.of_tables(tables, set(touched))]
    return findings
