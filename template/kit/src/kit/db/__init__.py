"""The database: an engine, sessions, and what production would refuse, felt everywhere."""
