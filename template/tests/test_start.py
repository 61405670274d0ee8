"""What a cold start may import: the first request waits for all of it."""

from kit.testing import loaded_by_a_start

HEAVY = {"alembic", "boto3", "botocore", "httpx2", "sqlglot", "sqlite3", "uvicorn"}
"""Packages for other commands and for tests. Add what your pages don't need."""


def test_a_cold_start_imports_only_what_pages_need() -> None:
    packages = {module.partition(".")[0] for module in loaded_by_a_start()}
    assert {"app", "starlette"} <= packages
    assert packages & HEAVY == set(), "import it inside the function that needs it; `make cold` shows what it costs"
