"""Refused: routines."""

from alembic import op

revision = "change"
down_revision = "first"


def upgrade() -> None:
    op.execute("CREATE PROCEDURE tidy() DELETE FROM orders")  # expect: ROUTINE
    op.execute("CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.name = 'x'")  # expect: ROUTINE
    op.execute("CREATE DEFINER=`a`@`%` FUNCTION one() RETURNS INT RETURN 1")  # expect: ROUTINE
    op.execute("CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders")  # expect: ROUTINE
    op.execute("DROP TRIGGER t")  # expect: ROUTINE
