"""Alembic runs this for every migration command; the kit knows the database and your tables."""

from kit import migrations

migrations.run()
