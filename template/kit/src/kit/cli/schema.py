"""`python -m kit schema`: check the migrations, compare them with the models, rename and drop columns in steps."""

import argparse
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.planetscale.lint import linter


def register(commands: Any) -> None:
    """Add the command and its verbs."""
    schema = commands.add_parser("schema", help="check the migrations, rename or drop a column")
    verbs = schema.add_subparsers(required=True, metavar="VERB")
    check = verbs.add_parser(
        "check",
        help="list what MySQL, PlanetScale or the live version can't take, and where migrations and models differ",
    )
    check.set_defaults(run=run_check)
    rename = verbs.add_parser(
        "rename", help="write the migration that begins to rename a column, and print the next steps"
    )
    rename.add_argument("column", metavar="TABLE.COLUMN", help="the column to rename")
    rename.add_argument("new", metavar="NAME", help="its new name")
    rename.set_defaults(run=run_rename)
    drop = verbs.add_parser("drop", help="write the next of the two migrations that drop a column or a table")
    drop.add_argument("name", metavar="TABLE[.COLUMN]", help="what to drop")
    drop.set_defaults(run=run_drop)


def run_check(_: argparse.Namespace) -> None:
    """Print each finding with its file and line; raises `UsageError` when there is one."""
    from kit import settings

    found = check(settings.PROJECT / "migrations")
    from kit.db.schema.report import report

    compared = report()
    for note in compared.notes:
        print(f"{note}\n", file=sys.stderr)
    paragraphs = list(found)
    if found:
        paragraphs.append(f"{len(found)} of your migrations' changes must not reach production.")
    if any(": LIVE_" in finding.partition("\n")[0] for finding in found):
        paragraphs.append(OVERRULE)
    if compared.problems:
        paragraphs += [
            ".\n".join(compared.problems) + ".",
            'Write the migration, or correct the models: make migration m="…"',
        ]
    if paragraphs:
        raise UsageError("\n\n".join(paragraphs))
    print(
        "MySQL, PlanetScale and the live version take these migrations, and they create what the models declare.",
        file=sys.stderr,
    )


OVERRULE = (
    'LIVE_…: overruled by a comment at the statement that says why, "# live: …". Migrations that are deployed everywhere '
    'are exempt: [tool.kit] live_after = "0007" in pyproject.toml, with the number of the last one.'
)


def can_check() -> bool:
    """Whether the linter's dependencies are installed here."""
    return find_spec("sqlglot") is not None


def check(folder: Path) -> list[str]:
    """Check the migrations in `folder`; returns a paragraph for each finding, its file and line first."""
    return [paragraph(finding) for finding in findings(folder)]


def findings(folder: Path) -> "list[linter.Finding]":
    """Check the migrations in `folder`, by the options in pyproject.toml."""
    from kit import settings

    try:
        from kit.planetscale.lint import linter
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The check needs {error.name}, which is not installed here: run it on a laptop or in CI."
        ) from error
    file = settings.PROJECT / "pyproject.toml"
    options = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    chosen = options.get("tool", {}).get("kit", {})
    try:
        return linter.check(
            folder, foreign_keys=bool(chosen.get("foreign_keys", False)), live_after=str(chosen.get("live_after", ""))
        )
    except linter.UnknownMigration as error:
        raise UsageError(f"[tool.kit] live_after in pyproject.toml names {error}, which is no migration.") from error


def paragraph(finding: "linter.Finding") -> str:
    """A finding with its file and line, its code, and the way round."""
    from kit import settings

    where = f"{_relative(finding.file, settings.PROJECT)}:{finding.line}"
    return f"{where}: {finding.code}: {finding.problem.what}\n    {finding.problem.instead}"


def run_rename(arguments: argparse.Namespace) -> None:
    """Write the migration that begins to rename a column, and print the steps after it."""
    from kit.db.schema import steps

    table, _, column = arguments.column.partition(".")
    if not column:
        raise UsageError(
            "Name the column with its table, for example: ./uvw run python -m kit schema rename messages.text body"
        )
    written = steps.rename(table, column, arguments.new)
    print(_relative(written.file, Path.cwd()))
    print(f"\n{written.next_step}", file=sys.stderr)


def run_drop(arguments: argparse.Namespace) -> None:
    """Write the next migration on the way to a drop, and print the step after it."""
    from kit.db.schema import steps

    table, _, column = arguments.name.partition(".")
    written = steps.drop(table, column)
    print(_relative(written.file, Path.cwd()))
    print(f"\n{written.next_step}", file=sys.stderr)


def _relative(file: Path, to: Path) -> Path:
    return file.relative_to(to) if file.is_relative_to(to) else file
