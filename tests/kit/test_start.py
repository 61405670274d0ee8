"""A cold start: what it loads, and what makes it short without changing what the app does."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import mysql
from kit.cli import cold
from kit.db import connection, database, preconnect
from kit.web import templates

AT_A_START = {
    "aws_lambda", "aws_lambda.apigateway", "aws_lambda.bootstrap", "aws_lambda.lifespan", "aws_lambda.runtime",
    "aws_lambda.web", "clock", "coldstart", "coldstart.bytecode_pack", "db", "db.connection", "db.database", "db.dialect",
    "db.limits", "db.mysql", "db.preconnect", "db.results", "db.transactions", "db.types", "errors", "logs", "references",
    "settings", "web", "web.asgi", "web.compression", "web.forms", "web.middleware", "web.templates",
    "jobs", "jobs.backoff", "jobs.decorators", "jobs.registry", "jobs.schedules", "jobs.spec",
}  # fmt: skip
"""What of the kit the web function may load; another is to be imported where it is needed, or told here with its price."""


@pytest.fixture(scope="module")
def loaded(app: Path) -> set[str]:
    """The modules that a start of the rendered app loads."""
    return set(
        json.loads(python(app, "-c", "import json; from kit.cli import cold; print(json.dumps(list(cold.loaded())))"))
    )


def test_a_start_loads_of_the_kit_only_what_a_page_needs(loaded: set[str]) -> None:
    of_the_kit = {module.removeprefix("kit.") for module in loaded if module.startswith("kit.")}
    assert of_the_kit - AT_A_START == set()


@pytest.mark.parametrize(
    "module",
    ["anyio._backends._asyncio", "boto3", "alembic", "concurrent.futures.process", "mako", "multiprocessing", "sqlite3", "uvicorn"],
)  # fmt: skip
def test_a_start_does_not_load_what_is_slow(loaded: set[str], module: str) -> None:
    assert "sqlalchemy" in loaded
    assert module not in loaded


@pytest.fixture(scope="module")
def packed(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app whose start is packed."""
    return pack(app, tmp_path_factory.mktemp("packed") / "app")


@pytest.fixture
def another(app: Path, tmp_path: Path) -> Path:
    """Another, which a test may change."""
    return pack(app, tmp_path / "app")


def pack(app: Path, folder: Path) -> Path:
    shutil.copytree(app, folder, ignore=shutil.ignore_patterns("__pycache__"))
    done = python(folder, "-m", "kit.coldstart.build_bytecode_pack")
    assert "modules packed" in done, done
    return folder


def python(folder: Path, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "PYTHON"))}
    environ |= {"PYTHONPATH": str(folder / "kit" / "src")}  # its own kit, not the one that these tests import
    environ |= {"DATABASE_URL": cold.NOBODY, "AWS_LAMBDA_FUNCTION_NAME": "web", "LOG_LEVEL": "error"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def origins(folder: Path, *modules: str) -> dict[str, str]:
    """The class that has loaded each of these modules in a start of the app."""
    code = "import json, sys; from kit.coldstart import bytecode_pack; bytecode_pack.use(); import kit.aws_lambda.web\n"
    code += f"print(json.dumps({{name: type(sys.modules[name].__spec__.loader).__module__ for name in {modules!r}}}))"
    found: dict[str, str] = json.loads(python(folder, "-c", code))
    return found


def test_a_start_takes_its_modules_from_the_pack(packed: Path) -> None:
    assert set(origins(packed, "sqlalchemy.orm", "starlette.routing", "app.web", "kit.db.database").values()) == {
        "kit.coldstart.bytecode_pack"
    }


def test_a_module_that_has_changed_since_is_loaded_from_its_own_file(another: Path) -> None:
    with another.joinpath("app", "about.py").open("a") as file:
        file.write("NAME = 'changed'\n")
    found = origins(another, "app.about", "app.models")
    assert (found["app.about"], found["app.models"]) == ("_frozen_importlib_external", "kit.coldstart.bytecode_pack")


def test_a_pack_of_another_python_is_left_alone(another: Path) -> None:
    file = next(another.joinpath("kit/src/kit/coldstart/__pycache__").glob("start.*.pack"))
    file.write_bytes(file.read_bytes().replace(sys.version[:6].encode(), b"2.7.18", 1))
    assert origins(another, "app.web")["app.web"] == "_frozen_importlib_external"


def test_what_is_loaded_later_is_whole_once_it_is_used(packed: Path) -> None:
    code = "from kit.coldstart import bytecode_pack; bytecode_pack.use(); import kit.aws_lambda.web, sys; import importlib.metadata as m\n"
    code += "before = 'zipfile' in sys.modules; print(before, m.version('sqlalchemy') > '2', 'zipfile' in sys.modules)"
    assert python(packed, "-c", code).split() == ["False", "True", "True"]


def test_an_app_that_cannot_start_while_the_image_is_built_does_not_end_the_build(another: Path) -> None:
    another.joinpath("app", "web.py").write_text("import os\nos.environ['ONLY_IN_THE_CLOUD']\n")
    assert "modules packed" in python(another, "-m", "kit.coldstart.build_bytecode_pack")


def test_sqlalchemy_is_packed_without_its_docstrings_and_others_with_theirs(packed: Path) -> None:
    code = "from kit.coldstart import bytecode_pack; bytecode_pack.use(); from sqlalchemy.orm import Session; from starlette.applications import Starlette\n"
    code += "print(Session.__doc__, Session.execute.__doc__, bool(Starlette.__doc__))"
    assert python(packed, "-c", code).split() == ["None", "None", "True"]


def test_templates_are_compiled_with_the_image_and_not_by_a_visit(packed: Path) -> None:
    code = "import jinja2; from app import web; jinja2.Environment.compile = None\n"
    code += "print(web.pages.get_template('wall.html').name)"
    assert python(packed, "-c", code).strip() == "wall.html"


def test_a_template_that_has_changed_is_shown_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("before")
    templates.load(tmp_path)
    templates.compile_all()
    page.write_text("{{ 'after' }}")
    assert templates.load(tmp_path).get_template("page.html").render() == "after"


@pytest.fixture
def on_mysql(tls_server: mysql.Server, project: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[mysql.Server]:
    monkeypatch.setenv("DATABASE_URL", tls_server.url())
    monkeypatch.setenv("DATABASE_CA", tls_server.ca)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    yield tls_server
    monkeypatch.setattr(preconnect, "_opening", None)


def connections(server: mysql.Server) -> int:
    """How many connections were ever made."""
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Connections'")
        return int(cursor.fetchall()[0][1])


def ask() -> int:
    with database.reading() as session:
        return int(session.execute(text("SELECT 1")).scalar_one())


def test_the_connection_that_was_opened_ahead_is_the_one_that_is_used(on_mysql: mysql.Server) -> None:
    before = connections(on_mysql)
    preconnect.open_connection()
    assert ask() == 1
    assert connections(on_mysql) - before == 2  # with the one that asks


def test_a_connection_ahead_is_for_the_apps_own_database_alone(on_mysql: mysql.Server) -> None:
    preconnect.open_connection()
    other = connection.connect(on_mysql.url().replace("/kit", "/app"), ca=on_mysql.ca)
    with other.connect() as opened:
        assert opened.execute(text("SELECT DATABASE()")).scalar() == "app"
    other.dispose()


def test_a_database_that_cannot_be_reached_ahead_is_told_by_the_first_query(
    on_mysql: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://app:p@localhost:1/app")
    preconnect.open_connection()
    with pytest.raises(DBAPIError, match="Can't connect"):
        ask()


def test_where_lambda_takes_a_snapshot_no_connection_is_opened(
    on_mysql: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    before = connections(on_mysql)
    preconnect.open_connection()
    assert connections(on_mysql) - before == 1


def test_a_new_server_is_asked_one_question_before_the_first_query(on_mysql: mysql.Server) -> None:
    def queries() -> int:
        with on_mysql.admin() as admin, admin.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Com_select'")
            return int(cursor.fetchall()[0][1])

    before = queries()
    assert ask() == 1
    assert queries() - before == 2
    assert database.engine().dialect.server_version_info >= (8,)
    assert database.engine().dialect.default_isolation_level == "REPEATABLE READ"


def test_what_is_not_async_sees_no_event_loop_as_in_a_thread(app: Path) -> None:
    code = (
        "import asyncio\nfrom kit.aws_lambda.web import _here\n"
        "async def outside(): return await _here(asyncio.run, inside())\n"
        "async def inside(): return 'ran'\n"
        "print(asyncio.run(outside()))"
    )
    assert python(app, "-c", code).strip() == "ran"


def test_cold_tells_where_the_time_goes_and_whose_it_is(app: Path, tmp_path: Path) -> None:
    database_file = tmp_path / "app.db"
    environ = os.environ | {"DATABASE_URL": f"sqlite:///{database_file}", "PYTHONPATH": str(app / "kit" / "src")}
    for command in (["migrate"], ["cold", "--runs", "1"]):
        done = subprocess.run(
            [sys.executable, "-m", "kit", *command], cwd=app, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    shown = done.stdout.splitlines()
    assert shown[0].startswith("A cold start takes ")
    assert [line for line in shown if line.startswith("import sqlalchemy ")]
    assert [line for line in shown if line.startswith("    app.web ")]
    assert [line for line in shown if line.startswith("first answer, GET /") and line.endswith("status 200")]


def test_cold_says_what_keeps_the_app_from_starting(app: Path, tmp_path: Path) -> None:
    broken = tmp_path / "app"
    shutil.copytree(app, broken)
    broken.joinpath("app", "web.py").write_text("raise RuntimeError('the paint is wet')\n")
    done = subprocess.run(
        [sys.executable, "-m", "kit", "cold"],
        cwd=broken,
        env=os.environ | {"PYTHONPATH": str(broken / "kit" / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "RuntimeError: the paint is wet" in done.stderr
