"""Applying migrations: what is known while they run, and what is said when one fails.

steps      the statement of the migration that runs, with its file and line
progress   the statements done so far, where a transaction can't take them back
failure    the message about a migration that failed
drift      how a database differs from what its migrations create
"""
