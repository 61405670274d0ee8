"""SQLite, for a laptop and for tests."""
