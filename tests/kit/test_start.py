"""A cold start: what it loads, the bytecode pack, and the early connection."""

import gc
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
from kit.aws_lambda import bootstrap
from kit.coldstart.start import NO_DATABASE
from kit.db import connection, database, preconnect

AT_A_START = {
    "aws_lambda", "aws_lambda.apigateway", "aws_lambda.bootstrap", "aws_lambda.lifespan",
    "aws_lambda.cdn", "aws_lambda.web", "clock", "aws_lambda.bytecode_pack", "coldstart", "db", "db.connection", "db.database", "db.mysql.dialect",
    "db.limits", "db.mysql", "db.mysql.connection", "db.preconnect", "db.text_types", "db.transactions", "db.types",
    "base_settings", "errors", "generated_secrets", "logs", "references", "settings", "stage_file", "tls",
    "web", "web.asgi", "web.body", "web.caching", "web.compression", "web.forms", "web.middleware", "web.policy", "web.polling",
    "web.problems", "web.static", "web.templates",
    "jobs", "jobs.backoff", "jobs.decorators", "jobs.registry", "jobs.schedules", "jobs.spec",
}  # fmt: skip
"""The modules of the kit that a cold start of the web function may load. Import others where they are needed."""


@pytest.fixture(scope="module")
def loaded(app: Path) -> set[str]:
    """The modules that a cold start of the rendered app loads."""
    return set(
        json.loads(
            python(app, "-c", "import json; from kit.coldstart import start; print(json.dumps(list(start.loaded())))")
        )
    )


def test_a_start_loads_only_known_modules_of_the_kit(loaded: set[str]) -> None:
    of_the_kit = {module.removeprefix("kit.") for module in loaded if module.startswith("kit.")}
    assert of_the_kit - AT_A_START == set()


@pytest.mark.parametrize(
    "module",
    ["anyio._backends._asyncio", "boto3", "alembic", "concurrent.futures.process", "mako", "multiprocessing", "sqlite3", "uvicorn"],
)  # fmt: skip
def test_a_start_does_not_load_slow_modules(loaded: set[str], module: str) -> None:
    assert "sqlalchemy" in loaded
    assert module not in loaded


@pytest.fixture(scope="module")
def packed(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app with a bytecode pack."""
    return pack(app, tmp_path_factory.mktemp("packed") / "app")


@pytest.fixture
def own_packed(app: Path, tmp_path: Path) -> Path:
    """The same, for a test that changes it."""
    return pack(app, tmp_path / "app")


def pack(app: Path, folder: Path) -> Path:
    shutil.copytree(app, folder, ignore=shutil.ignore_patterns("__pycache__"))
    output = python(folder, *BUILD)
    assert "modules packed" in output, output
    return folder


BUILD = ["-m", "kit.coldstart.build_bytecode_pack"]
PACK = "kit.aws_lambda.bytecode_pack"
FILES = "_frozen_importlib_external"
"""The modules of the loaders from the pack, and from a module's own files."""


def python(folder: Path, *arguments: str, **variables: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "PYTHON"))}
    environ |= {"PYTHONPATH": str(folder / "kit" / "src")}  # its own kit, not the one that these tests import
    environ |= {"DATABASE_URL": NO_DATABASE, "AWS_LAMBDA_FUNCTION_NAME": "web", "LOG_LEVEL": "error"} | variables
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


INSTALL = "from kit.aws_lambda import bytecode_pack; bytecode_pack.install()\n"


def loaders(folder: Path, *modules: str, **variables: str) -> list[str]:
    """Return which loader has loaded each of these modules in a start of the app."""
    code = INSTALL + "import json, sys; import kit.aws_lambda.web\n"
    code += f"print(json.dumps([type(sys.modules[name].__spec__.loader).__module__ for name in {modules!r}]))"
    result: list[str] = json.loads(python(folder, "-c", code, **variables))
    return result


def test_modules_are_loaded_from_the_pack(packed: Path) -> None:
    modules = ["sqlalchemy.orm", "starlette.routing", "app.web", "kit.db.database", "kit.aws_lambda.lifespan"]
    assert loaders(packed, *modules) == [PACK] * len(modules)


@pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric runs on Linux only")
def test_the_runtime_client_is_in_the_pack(packed: Path) -> None:
    code = INSTALL + "import sys, awslambdaric.__main__\n"
    code += "print(type(sys.modules['awslambdaric.bootstrap'].__spec__.loader).__module__)"
    assert python(packed, "-c", code).strip() == PACK


def test_a_source_that_has_changed_is_loaded_from_its_own_file(own_packed: Path) -> None:
    with own_packed.joinpath("app", "about.py").open("a") as file:
        file.write("NAME = 'changed'\n")
    assert loaders(own_packed, "app.about", "app.models") == [FILES, PACK]


def test_a_source_of_the_same_size_that_has_changed_is_loaded_from_its_own_file(own_packed: Path) -> None:
    source = own_packed.joinpath("app", "about.py")
    before, content = source.stat(), source.read_bytes()
    source.write_bytes(content[:-1] + b" ")
    assert source.stat().st_size == before.st_size
    os.utime(source, (before.st_atime, before.st_mtime + 1))
    assert loaders(own_packed, "app.about", "app.models") == [FILES, PACK]


def test_a_source_that_is_gone_is_not_loaded_from_the_pack(own_packed: Path) -> None:
    own_packed.joinpath("app", "about.py").unlink()
    code = INSTALL + "import importlib.util; print(importlib.util.find_spec('app.about'))"
    assert python(own_packed, "-c", code).strip() == "None"


def test_of_an_installed_package_its_record_is_checked_and_not_each_source(own_packed: Path) -> None:
    packages = own_packed / "packages"
    record, source = packages / "extra-1.dist-info" / "RECORD", packages / "extra.py"
    record.parent.mkdir(parents=True)
    source.write_text("")
    record.write_text("extra.py,,\nextra-1.dist-info/RECORD,,\n")
    with own_packed.joinpath("app", "about.py").open("a") as file:
        file.write("import extra\n")
    path = os.pathsep.join([str(own_packed / "kit" / "src"), str(packages)])
    python(own_packed, *BUILD, PYTHONPATH=path)
    source.write_text("# changed by hand\n")
    assert loaders(own_packed, "extra", "app.about", PYTHONPATH=path) == [PACK, PACK]
    record.write_text(record.read_text() + "another.py,,\n")
    assert loaders(own_packed, "extra", "app.about", PYTHONPATH=path) == [FILES, PACK]


def test_a_pack_of_another_python_is_ignored(own_packed: Path) -> None:
    file = next(own_packed.joinpath("kit/src/kit/aws_lambda/__pycache__").glob("start.*.pack"))
    file.write_bytes(file.read_bytes().replace(sys.version[:6].encode(), b"2.7.18", 1))
    assert loaders(own_packed, "app.web") == [FILES]


def test_the_pack_can_be_switched_off_at_run_time(packed: Path) -> None:
    assert loaders(packed, "app.web", BYTECODE_PACK="off") == [FILES]
    assert loaders(packed, "app.web", BYTECODE_PACK="on") == [PACK]


def test_the_pack_can_be_switched_off_while_the_image_is_built(app: Path, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    shutil.copytree(app, folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert python(folder, *BUILD, BYTECODE_PACK="off") == "BYTECODE_PACK=off: no bytecode pack is written\n"
    assert not list(folder.rglob("*.pack"))
    assert loaders(folder, "app.web") == [FILES]


def test_a_lazy_module_is_complete_once_it_is_used(packed: Path) -> None:
    code = INSTALL + "import kit.aws_lambda.web, sys; import importlib.metadata as m\n"
    code += "before = 'zipfile' in sys.modules; print(before, m.version('sqlalchemy') > '2', 'zipfile' in sys.modules)"
    assert python(packed, "-c", code).split() == ["False", "True", "True"]


def test_a_lazy_module_may_first_be_used_by_several_threads(packed: Path) -> None:
    code = INSTALL + "import functools, ipaddress, time\n"
    code += "from concurrent.futures import ThreadPoolExecutor\n"
    # The module uses this after it has defined `ip_address` and before `IPv4Address`.
    code += "total_ordering = functools.total_ordering\n"
    code += "functools.total_ordering = lambda cls: time.sleep(0.2) or total_ordering(cls)\n"
    code += "def use(number):\n    time.sleep(number / 50)\n    return str(ipaddress.ip_address(number))\n"
    code += "print(*ThreadPoolExecutor(8).map(use, range(8)))"
    assert python(packed, "-c", code).split() == [f"0.0.0.{number}" for number in range(8)]


def test_an_unknown_attribute_of_a_lazy_module_is_an_attribute_error(packed: Path) -> None:
    code = INSTALL + "import ipaddress; print(hasattr(ipaddress, 'nothing'), hasattr(ipaddress, 'IPv4Address'))"
    assert python(packed, "-c", code).split() == ["False", "True"]


def test_an_app_that_cannot_be_imported_during_the_build_does_not_fail_it(own_packed: Path) -> None:
    own_packed.joinpath("app", "web.py").write_text("import os\nos.environ['ONLY_IN_THE_CLOUD']\n")
    assert "modules packed" in python(own_packed, *BUILD)


def test_sqlalchemy_is_packed_without_docstrings_and_others_with_them(packed: Path) -> None:
    code = INSTALL + "from sqlalchemy.orm import Session; from starlette.applications import Starlette\n"
    code += "print(Session.__doc__, Session.execute.__doc__, bool(Starlette.__doc__))"
    assert python(packed, "-c", code).split() == ["None", "None", "True"]


def test_templates_are_compiled_while_the_image_is_built(packed: Path) -> None:
    code = "import jinja2; from app import web; jinja2.Environment.compile = None\n"
    code += "print(web.pages.get_template('wall.html').name)"
    assert python(packed, "-c", code).strip() == "wall.html"


@pytest.fixture
def on_mysql(tls_server: mysql.Server, project: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[mysql.Server]:
    monkeypatch.setenv("DATABASE_URL", tls_server.url())
    monkeypatch.setenv("DATABASE_CA", tls_server.ca)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    yield tls_server
    monkeypatch.setattr(preconnect, "_opening", None)


def connections(server: mysql.Server) -> int:
    """Return how many connections the server has accepted so far."""
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Connections'")
        return int(cursor.fetchall()[0][1])


def ask() -> int:
    with database.reading() as session:
        return int(session.execute(text("SELECT 1")).scalar_one())


def test_the_early_connection_is_the_one_that_is_used(on_mysql: mysql.Server) -> None:
    before = connections(on_mysql)
    preconnect.open_connection()
    assert ask() == 1
    assert connections(on_mysql) - before == 2  # including the one that counts


def test_the_early_connection_is_for_the_apps_own_database_only(on_mysql: mysql.Server) -> None:
    preconnect.open_connection()
    other = connection.connect(on_mysql.url().replace("/kit", "/app"), ca=on_mysql.ca)
    with other.connect() as opened:
        assert opened.execute(text("SELECT DATABASE()")).scalar() == "app"
    other.dispose()


def test_the_first_query_reports_a_database_that_cannot_be_reached(
    on_mysql: mysql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://app:p@localhost:1/app")
    preconnect.open_connection()
    with pytest.raises(DBAPIError, match="Can't connect"):
        ask()


def test_with_snapstart_no_connection_is_opened(on_mysql: mysql.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    before = connections(on_mysql)
    preconnect.open_connection()
    assert connections(on_mysql) - before == 1


def test_one_query_precedes_the_first_query_on_a_new_server(on_mysql: mysql.Server) -> None:
    def queries() -> int:
        with on_mysql.admin() as admin, admin.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Com_select'")
            return int(cursor.fetchall()[0][1])

    before = queries()
    assert ask() == 1
    assert queries() - before == 2
    assert database.engine().dialect.server_version_info >= (8,)
    assert database.engine().dialect.default_isolation_level == "REPEATABLE READ"


def test_cold_shows_where_the_time_goes(app: Path, tmp_path: Path) -> None:
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
    assert [line for line in shown if line.startswith("first response, GET /") and line.endswith("status 200")]


def test_cold_shows_why_the_app_does_not_start(app: Path, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("handler", ["web", "jobs"])
def test_a_start_on_lambda_ends_without_a_setting_of_the_apps_own(app: Path, tmp_path: Path, handler: str) -> None:
    folder = tmp_path / "app"
    shutil.copytree(app, folder, ignore=shutil.ignore_patterns("__pycache__"))
    folder.joinpath("app/settings.py").write_text(
        "from kit.settings import BaseSettings, setting\n\n\nclass Settings(BaseSettings):\n"
        '    keep_days: int = setting("how long messages are kept")\n\n\nsettings = Settings()\n'
    )
    code = f"import kit.aws_lambda.{handler}"
    python(folder, "-c", code)  # while the image is built
    python(folder, "-c", code, AWS_LAMBDA_RUNTIME_API="127.0.0.1:9", KEEP_DAYS="1")
    with pytest.raises(AssertionError, match="KEEP_DAYS: it is not set"):
        python(folder, "-c", code, AWS_LAMBDA_RUNTIME_API="127.0.0.1:9")


def test_garbage_is_collected_again_once_the_app_is_imported() -> None:
    gc.disable()
    try:
        bootstrap.import_complete()
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


def test_the_jobs_function_imports_the_apps_jobs_before_its_first_event(app: Path) -> None:
    code = "import kit.aws_lambda.jobs; from kit.jobs import registry; print(*registry.jobs)"
    assert "app.jobs.prune" in python(app, "-c", code).split()


def test_what_reads_secrets_in_the_cloud_is_in_the_pack(packed: Path) -> None:
    code = INSTALL + "import sys; from kit import secrets, settings; settings.of_app()\n"
    code += "print(*(type(sys.modules[name].__spec__.loader).__module__ for name in ('kit.aws', 'http.client', 'app.settings')))"
    assert python(packed, "-c", code).split() == [PACK] * 3
