"""What a user changes in a generated project: edits, renames, deletions and new files, in any folder."""

from collections.abc import Callable
from pathlib import Path

from releases import committed, git

OWN = ("app", "migrations", "tests", "jobs.json", "README.md")
"""What an update never touches."""

OWN_FILES = 50


def adds(text: str, *, after: str = "") -> Callable[[str], str]:
    """An edit that inserts text behind the first line that begins with `after`, by default at the end."""

    def edit(old: str) -> str:
        lines = old.splitlines(keepends=True)
        place = next(number for number, line in enumerate(lines, 1) if line.startswith(after)) if after else len(lines)
        return "".join([*lines[:place], text, *lines[place:]])

    return edit


EDITS = {
    "Makefile": adds("\nhello: ## say hello\n\t@echo hello\n"),
    "Dockerfile": adds('LABEL owner="me"\n'),
    ".gitignore": adds("*.sqlite\n"),
    ".github/workflows/README.md": adds("\nOurs run on our own runners.\n"),
    "pyproject.toml": adds('    "sqlparse>=0.5",\n', after='    "sqlalchemy'),
    "kit/src/kit/web/forms.py": adds("\n\nMENDED = True\n"),
    **{f"infra/{tool}/README.md": adds("\nOurs is called test.\n") for tool in ("cdk", "sam", "terraform")},
}
"""The edits of the template's files."""

RENAMED = {".env.example": "env.sample", "tests/test_web.py": "tests/test_site.py"}
DELETED = (".pscale.yml", "tests/test_wall.py")


def customize(project: Path) -> None:
    """Commit a fresh render, then change it as a user does, and commit that."""
    committed(project)
    for name, edit in EDITS.items():
        if (project / name).is_file():
            change(project / name, edit)
    for path in (
        project / "README.md",
        project / "app" / "web.py",
        *(project / "migrations" / "versions").glob("*.py"),
    ):
        change(path, adds("\n\n# mine\n"))
    for old, new in RENAMED.items():
        (project / old).rename(project / new)
    for name in DELETED:
        (project / name).unlink()
    (project / "app" / "parts").mkdir()
    for number in range(OWN_FILES):
        (project / "app" / "parts" / f"part_{number}.py").write_text(f'"""Part {number}."""\n')
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "As we like it")


def change(path: Path, edit: Callable[[str], str]) -> None:
    path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")
