"""A rotated database password: no request fails while both are valid, nor when the earlier one is deleted under load.

The environments are processes that answer requests with the web function's handler, which read the URL from a local SSM.
ROTATION_ENVIRONMENTS and ROTATION_SECONDS make it longer: 20 environments, and 10 seconds for each of its three phases.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pymysql.err import OperationalError

import mysql
from kit.db.mysql.connection import MySQLConnection

ENVIRONMENTS = int(os.environ.get("ROTATION_ENVIRONMENTS", "2"))
SECONDS = float(os.environ.get("ROTATION_SECONDS", "1"))
NAME = "/my-app/prod/database-url"
REQUESTS = """
import json, random, sys, threading, time
import events
from kit.aws_lambda.web import handler
from kit.db import database

ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
form = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
codes, user = [], ""
while not ended.is_set():
    for request in (events.http(), events.http("POST", body="text=Hello", headers=form)):
        codes.append(handler(request, None)["statusCode"])
    if len(codes) == 2:
        print("started", flush=True)
    if random.random() < 0.2:
        database.replace_pool()  # as after the time in which servers close idle connections
    time.sleep(random.uniform(0, 0.05))
with database.engine().connect() as connection:
    user = connection.exec_driver_sql("SELECT CURRENT_USER()").scalar()
print(json.dumps({"codes": codes, "user": user}))
"""


@pytest.fixture
def server(mysql_server: mysql.Server) -> Iterator[mysql.Server]:
    """A database with two users of its own, `early` and `late`."""
    server = mysql_server.with_database("rotation")
    users(
        server,
        "DROP USER IF EXISTS '{0}'@'%'",
        "CREATE USER '{0}'@'%' IDENTIFIED BY 'pass-{0}'",
        "GRANT ALL ON rotation.* TO '{0}'@'%'",
    )
    yield server
    users(server, "DROP USER IF EXISTS '{0}'@'%'")


def users(server: mysql.Server, *statements: str, names: tuple[str, ...] = ("early", "late")) -> None:
    with server.admin() as admin, admin.cursor() as cursor:
        for name in names:
            for statement in statements:
                cursor.execute(statement.format(name))


def url(server: mysql.Server, user: str) -> str:
    return server.url().replace(f"app:{mysql.PASSWORD}", f"{user}:pass-{user}")


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """The environment that points to a local SSM."""
    local = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    local.start()
    host, port = local.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    yield keys | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    local.stop()


def store(aws: dict[str, str], text: str) -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "endpoint_url": aws["AWS_ENDPOINT_URL"]}
    boto3.client("ssm", "us-east-1", **keys).put_parameter(Name=NAME, Value=text, Type="SecureString", Overwrite=True)


def test_no_request_fails_while_a_password_is_rotated(server: mysql.Server, aws: dict[str, str], app: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DATABASE"))}
    environ |= aws | {"DATABASE_CA": server.ca, "DATABASE_URL_SECRET": NAME, "LOG_LEVEL": "error"}
    environ["PYTHONPATH"] = os.pathsep.join([str(app / "kit/src"), str(Path(__file__).parents[1])])
    store(aws, url(server, "early"))
    subprocess.run([sys.executable, "-m", "kit", "migrate"], cwd=app, env=environ, check=True, capture_output=True)
    environments = [
        subprocess.Popen(
            [sys.executable, "-c", REQUESTS],
            cwd=app,
            env=environ | {"AWS_LAMBDA_FUNCTION_NAME": "web"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(ENVIRONMENTS)
    ]
    try:
        for environment in environments:
            assert environment.stdout and environment.stdout.readline() == "started\n"
        time.sleep(SECONDS)
        store(aws, url(server, "late"))
        time.sleep(SECONDS)
        users(server, "DROP USER '{0}'@'%'", names=("early",))
        time.sleep(SECONDS)
        results: list[dict[str, Any]] = [json.loads(each.communicate(timeout=60)[0]) for each in environments]
    finally:
        for environment in environments:
            environment.kill()
            environment.wait()
    codes = [code for result in results for code in result["codes"]]
    print(f"{len(codes)} requests in {ENVIRONMENTS} environments, failed: {sum(code >= 400 for code in codes)}")
    assert set(codes) == {200, 303}
    assert {result["user"] for result in results} == {"late@%"}


@pytest.mark.parametrize("first", ["SELECT 1", "BEGIN"])
def test_a_connection_that_is_closed_comes_back_with_the_other_password(server: mysql.Server, first: str) -> None:
    opened = MySQLConnection.to(url(server, "early"), server.ca, {url(server, "early"): url(server, "late")}.get)
    opened.ping()
    users(server, "DROP USER '{0}'@'%'", names=("early",))
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute(f"KILL {opened.thread_id()}")
    if first == "BEGIN":
        opened.begin()
    with opened.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        assert cursor.fetchone() == ("late@%",)
    opened.close()


def test_a_refused_password_is_an_error_where_no_other_one_is_stored(server: mysql.Server) -> None:
    users(server, "DROP USER '{0}'@'%'", names=("early",))
    refused: list[str] = []
    with pytest.raises(OperationalError, match="1045"):
        MySQLConnection.to(url(server, "early"), server.ca, refused.append)
    assert refused == [url(server, "early")]
