"""MySQL: the connection and SQLAlchemy's dialect for it."""
