"""`python -m kit schema`: lint the migrations, compare them with the models, and rename columns safely."""

import argparse
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kit.errors import UsageError


def register(commands: Any) -> None:
    """Add the command and its verbs."""
    schema = commands.add_parser("schema", help="check the migrations, or rename a column")
    verbs = schema.add_subparsers(required=True, metavar="VERB")
    check = verbs.add_parser("check", help="list what PlanetScale would refuse, and where migrations and models differ")
    check.set_defaults(run=run_check)
    rename = verbs.add_parser("rename", help="write the two migrations that rename a column without losing data")
    rename.add_argument("column", metavar="TABLE.COLUMN", help="the column to rename")
    rename.add_argument("new", metavar="NAME", help="its new name")
    rename.set_defaults(run=run_rename)


def run_check(_: argparse.Namespace) -> None:
    """Print each finding with its file and line; raises `UsageError` when there is one."""
    from kit import settings

    findings = check(settings.PROJECT / "migrations")
    from kit.db.schema.report import report

    compared = report()
    for note in compared.notes:
        print(f"{note}\n", file=sys.stderr)
    paragraphs = list(findings)
    if findings:
        paragraphs.append(f"PlanetScale would refuse {len(findings)} of your migrations' changes.")
    if compared.problems:
        paragraphs += [
            ".\n".join(compared.problems) + ".",
            'Write the migration, or correct the models: make migration m="…"',
        ]
    if paragraphs:
        raise UsageError("\n\n".join(paragraphs))
    print("PlanetScale accepts these migrations, and they create what the models declare.", file=sys.stderr)


def can_check() -> bool:
    """Whether the linter's dependencies are installed here."""
    return find_spec("sqlglot") is not None


def check(folder: Path) -> list[str]:
    """Check the migrations in `folder`; returns a paragraph for each finding, its file and line first."""
    from kit import settings

    try:
        from kit.planetscale.lint import linter
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The check needs {error.name}, which is not installed here: run it on a laptop or in CI."
        ) from error
    options = tomllib.loads((settings.PROJECT / "pyproject.toml").read_text(encoding="utf-8")) if _has_options() else {}
    allowed = bool(options.get("tool", {}).get("kit", {}).get("foreign_keys", False))
    return [
        f"{_relative(finding.file, settings.PROJECT)}:{finding.line}: {finding.code}: {finding.problem.what}\n    {finding.problem.instead}"
        for finding in linter.check(folder, foreign_keys=allowed)
    ]


def run_rename(arguments: argparse.Namespace) -> None:
    """Write the migration that adds the new column, and the one that drops the old."""
    from kit.db.schema import new_migration

    table, _, column = arguments.column.partition(".")
    if not column:
        raise UsageError("Name the column with its table, for example: python -m kit schema rename messages.text body")
    for file in new_migration.rename(table, column, arguments.new):
        print(_relative(file, Path.cwd()))
    print(
        "\nDeploy the first. Then write both columns, backfill with kit.db.bulk and read the new one only.\n"
        "Keep the second out of the project until then, and deploy it last.",
        file=sys.stderr,
    )


def _has_options() -> bool:
    from kit import settings

    return (settings.PROJECT / "pyproject.toml").is_file()


def _relative(file: Path, to: Path) -> Path:
    return file.relative_to(to) if file.is_relative_to(to) else file
