"""SQLite's errors in sentences. Source: sqlite.org/rescode.html"""

_FILE = ("SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_IOERR", "SQLITE_NOTADB", "SQLITE_PERM", "SQLITE_READONLY")
"""How the names of the errors of a file begin that can't be used."""


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


def unreachable(error: BaseException, address: str, host: str) -> str | None:
    """Say why the file could not be opened, and what to check; `None` for an error of another kind."""
    if not getattr(error, "sqlite_errorname", "").startswith(_FILE):
        return None
    return (
        f"The database {address} can't be opened: {words(error)}. Check DATABASE_URL, and who may write the file and "
        "its folder. Without DATABASE_URL, a SQLite file in data/ is used."
    )
