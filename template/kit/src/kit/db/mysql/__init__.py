"""MySQL: the connection and SQLAlchemy's dialect for it; `rules` are what it refuses of a schema."""
