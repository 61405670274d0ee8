"""What a cold start may load: each visitor who meets one waits for all of it."""

from kit.testing import loaded_by_a_start

HEAVY = {"alembic", "boto3", "botocore", "httpx2", "sqlglot", "sqlite3", "uvicorn"}
"""Packages for other commands and for tests; add what your pages should not wait for."""


def test_a_start_loads_nothing_that_pages_do_not_need() -> None:
    packages = {module.partition(".")[0] for module in loaded_by_a_start()}
    assert {"app", "starlette"} <= packages
    assert packages & HEAVY == set(), "import it inside the function that needs it; `make cold` shows what it costs"
