"""The lowest and the newest versions of SQLAlchemy and PyMySQL that the kit allows, on a real server."""

import json
import os
import subprocess
import sys
import tomllib
from typing import Any

import pytest

import mysql
from rendering import ROOT, TEMPLATE

KIT = TEMPLATE / "kit"
SCRIPT = """
import json, sys
from pathlib import Path

import sqlalchemy
from sqlalchemy import create_engine, make_url, text
from kit import tls
from kit.db import connection

url, ca = sys.argv[1:]
stock_url = make_url(url).set(drivername="mysql+pymysql")
stock = create_engine(stock_url, connect_args={"ssl": tls.context(ca), "autocommit": True})
watcher = stock.connect()

def selects():
    return int(watcher.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Com_select'").one()[1])

def measure(engine):
    before = selects()
    with engine.connect() as connected:
        connected.execute(text("SELECT 1"))
    return selects() - before - 1

def properties(dialect):
    names = ("server_version_info", "default_schema_name", "default_isolation_level", "_sql_mode", "_casing")
    return [getattr(dialect, name) for name in names]

kit = connection.connect(url, ca=ca)
print(json.dumps({
    "version": sqlalchemy.__version__,
    "kit": measure(kit),
    "stock": measure(create_engine(stock_url, connect_args={"ssl": tls.context(ca)})),
    "same": properties(kit.dialect) == properties(stock.dialect),
}))
"""


@pytest.fixture(scope="module", params=["lowest-direct", "highest"])
def measured(request: pytest.FixtureRequest, tls_server: mysql.Server) -> dict[str, Any]:
    """What the script measured with the versions of this resolution."""
    dependencies = tomllib.loads((KIT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    options = [
        option
        for dependency in dependencies
        if dependency.startswith(("sqlalchemy", "pymysql"))
        for option in ("--with", dependency)
    ]
    command = [sys.executable, str(TEMPLATE / "uvw"), "run", "--quiet", "--no-project", "--isolated", "--python"]
    command += [sys.executable, "--resolution", request.param, *options, "python", "-c", SCRIPT]
    done = subprocess.run(
        [*command, tls_server.url(), tls_server.ca],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(KIT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_new_server_is_sent_one_query_instead_of_five(measured: dict[str, Any]) -> None:
    assert (measured["kit"], measured["stock"]) == (1, 5), measured


def test_the_dialect_knows_of_the_server_what_sqlalchemy_would_find_out(measured: dict[str, Any]) -> None:
    assert measured["same"]
