"""Checks the migrations from the first to the last: what MySQL and a deploy request refuse, and what the live version
of the app does not survive."""

import copy
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp

from kit.db.mysql.rules import check as mysql_rules
from kit.db.mysql.rules import exactness
from kit.db.schema import live, render_sql
from kit.db.schema.parse import parse
from kit.db.schema.problem import Problem
from kit.db.schema.reasons import Reasons
from kit.db.schema.tables import Tables
from kit.planetscale.lint import rules


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

    @property
    def can_be_overruled(self) -> bool:
        """Whether a comment beside the statement that says why overrules it."""
        return self.code.startswith(("LIVE_", "INEXACT_"))


class UnknownMigration(Exception):
    """`live_after` is none of the migrations."""


@dataclass
class _State:
    """The tables so far."""

    tables: Tables
    complete: bool = True
    """Whether each statement so far could be followed."""


def check(folder: Path, *, foreign_keys: bool = False, live_after: str = "") -> list[Finding]:
    """Return what is wrong with the migrations in `folder`, in their order.

    foreign_keys: whether the database allows them.
    live_after: the last migration that is live everywhere, its id or its file's number; what is asked for the sake of the live version isn't asked of
        it and those before it.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs every migration that it reads
    state = _State(Tables())
    scripts = list(render_sql.scripts(folder))
    known = [live_after in {script.revision, Path(script.path).name.partition("_")[0]} for script in scripts]
    if live_after and True not in known:
        raise UnknownMigration(live_after)
    done = known.index(True) + 1 if live_after else 0
    findings: list[Finding] = []
    for number, script in enumerate(scripts):
        findings += _check_script(script, state, foreign_keys, is_live=number < done)
    return findings


def _check_script(script: Any, state: _State, foreign_keys: bool, *, is_live: bool) -> list[Finding]:
    file = Path(script.path)
    try:
        statements = render_sql.statements(script)
    except render_sql.Unreadable as error:
        state.complete = False
        return [Finding(file, error.line, _unreadable(error))]
    findings: list[Finding] = []
    touched: dict[str, int] = {}
    steps: list[live.Step] = []
    reasons = Reasons(file)
    for statement in statements:
        problems = list(rules.of_text(statement.sql))
        tree = None if problems else parse(statement.sql)
        if tree is not None and not isinstance(tree, exp.Command):
            problems, changed = _check_statement(statement, tree, state, foreign_keys, steps)
            touched |= dict.fromkeys(changed, statement.line)
            inexact = [] if is_live else exactness.of_statement(tree)
            findings += [
                Finding(file, reasons.line_of(statement.line, name), problem)
                for name, problem in inexact
                if not reasons.given("inexact", statement.line, name)
            ]
        elif not problems:
            problems = list(rules.of_unparsed(statement.sql, foreign_keys=foreign_keys))
            if tree is None and not problems:
                problems = [rules.problem("NOT_CHECKABLE", f"`{statement.sql[:70]}` cannot be parsed")]
            state.tables.apply_sql(statement.sql)
            problems += mysql_rules.of_unparsed(statement.sql, state.tables)
        state.complete = state.complete and not state.tables.unfollowed
        findings += [Finding(file, statement.line, one) for one in problems]
    findings += [Finding(file, touched.get(name, 1), one) for name, one in rules.of_tables(state.tables, set(touched))]
    for one in [] if is_live else live.of_migration(steps):
        if one.problem.code == "LIVE_FOREIGN_KEY" and not foreign_keys:
            continue
        if not reasons.given("live", one.statement.line, one.part):
            findings.append(Finding(file, reasons.line_of(one.statement.line, one.part), one.problem))
    return findings


def _check_statement(
    statement: render_sql.Statement, tree: Any, state: _State, foreign_keys: bool, steps: list[live.Step]
) -> tuple[list[Problem], set[str]]:
    """Apply a statement to the tables; returns its problems, and the tables that it changed."""
    tables = state.tables
    named = {table.name for table in tree.find_all(exp.Table)}
    before = tables.tables | {name: copy.deepcopy(tables.tables[name]) for name in named & tables.tables.keys()}
    views = dict(tables.views)
    step = live.Step.start(statement, tree, tables)
    problems = list(rules.of_statement(tree, tables, foreign_keys=foreign_keys))
    changed = tables.apply_sql(statement.sql)
    step.finish(tables)
    steps.append(step)
    refused = mysql_rules.of_statement(statement.sql, tree, before, tables, views, complete=state.complete)
    for unknown in (changed & tables.tables.keys()) - before.keys() if not isinstance(tree, exp.Create) else ():
        del tables.tables[unknown]  # no migration created it, so what it looks like isn't known
        changed = changed - {unknown}
    about_references = any(one.code.startswith("FOREIGN_KEYS_") for one in problems)
    problems += [one for one in refused if not (about_references and "the foreign key" in one.what)]
    return problems, changed


def _unreadable(error: render_sql.Unreadable) -> Problem:
    if error.reason.startswith(("CompileError", "UnsupportedCompilationError")):
        return rules.problem("UNKNOWN_TYPE", error.reason.partition(": ")[2].replace("\n", " "))
    return rules.problem("NOT_CHECKABLE", f"it cannot be read offline ({error.reason})")
