"""Alembic runs this for every migration command; the kit knows the database and your tables."""

from kit.db import migrations

migrations.run()
