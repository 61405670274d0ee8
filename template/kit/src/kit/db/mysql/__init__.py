"""MySQL: the connection and SQLAlchemy's dialect for it; `rules` are what it refuses of a schema."""

CHARSET, COLLATION = "utf8mb4", "utf8mb4_0900_bin"
"""The collation of new tables: text is compared and ordered by code point, and no spaces are appended.

So does Python, and so does SQLite. See docs/planetscale.md in the template's repository.
"""
