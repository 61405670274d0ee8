"""SQLite's errors in sentences. Source: sqlite.org/rescode.html"""

__all__ = ["is_lost", "is_missing_table", "unreachable", "words"]


def words(error: BaseException) -> str:
    """SQLite's words, with the name of its error code."""
    name = getattr(error, "sqlite_errorname", None)  # the driver's own errors have none
    return f"SQLite error {name}: {error}" if name else f"SQLite: {error}"


def is_missing_table(error: BaseException) -> bool:
    """Whether a table does not exist."""
    return "no such table" in str(error)


def is_lost(error: BaseException) -> bool:
    """Whether the connection broke; a file's never does."""
    return False


def unreachable(error: BaseException, address: str, host: str) -> str:
    """Say why the file could not be opened, and what to check."""
    return (
        f"The database {address} can't be opened: {words(error)}. Check DATABASE_URL, and who may write the file and "
        "its folder. Without DATABASE_URL, a SQLite file in data/ is used."
    )
