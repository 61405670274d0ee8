"""A project's migrations that a test writes, and a database that has those before them."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect

from kit import settings
from kit.db import migrations
from kit.db.apply.failure import MigrationFailed
from rendering import TEMPLATE

HEAD = """import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"


def upgrade() -> None:
"""
FIRST_LINE = HEAD.count("\n") + 1
"""The line of a migration's first statement."""


@dataclass
class Project:
    """The template's migrations with others after them, and a database."""

    folder: Path
    engine: Engine
    applied: list[str] = field(default_factory=list)
    """What the last run has applied."""

    @classmethod
    def create(cls, folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> "Project":
        """Copy the template's migrations to `folder`, use it as the project's, and apply them."""
        shutil.copytree(TEMPLATE / "migrations", folder / "migrations", dirs_exist_ok=True)
        monkeypatch.setattr(settings, "PROJECT", folder)
        migrations.upgrade(engine)
        return cls(folder / "migrations" / "versions", engine)

    def write(self, *lines: str, revision: str = "0003", down: str = "0002") -> None:
        """Write a migration whose upgrade has these lines."""
        body = "".join(f"    {line}\n" for line in lines)
        (self.folder / f"{revision}_change.py").write_text(HEAD.format(revision=revision, down=down) + body)

    def migrate(self) -> list[str]:
        """Return what was applied."""
        self.applied = []
        migrations.upgrade(self.engine, on_applied=lambda script: self.applied.append(script.revision))
        return self.applied

    def fails(self) -> str:
        """Migrate, and return the message."""
        with pytest.raises(MigrationFailed) as caught:
            self.migrate()
        return str(caught.value)

    def tables(self) -> dict[str, list[str]]:
        """The columns of each table."""
        inspector: Any = inspect(self.engine)
        return {name: [one["name"] for one in inspector.get_columns(name)] for name in inspector.get_table_names()}
