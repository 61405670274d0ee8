"""Settings: declared in a class, read from the environment, a stage's file and its secrets, and checked at once."""

import argparse
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymysql.err import OperationalError

import waiting
from kit import logs, references, secrets, settings, stage_file
from kit.base_settings import BaseSettings, SettingsError, secret, setting
from kit.cli import dev
from kit.cli import jobs as jobs_command
from kit.cli import settings as command
from kit.db.mysql import connection as mysql_connection
from kit.errors import UsageError


class Shop(BaseSettings):
    """An app's settings."""

    title: str = setting("the first line of the page", default="Shop")
    keep_days: int = setting("how long messages are kept")
    rate: float = setting("the tax", default=0.19)
    open: bool = setting("whether orders are taken", default=True)
    uploads: Path = setting("where uploads are kept", default=Path("/tmp"))
    limit: int | None = setting("the most orders a day", default=None)
    stripe_key: str = secret("the key of the payment provider's API")
    session_keys: tuple[str, ...] = secret("the keys of sessions", parse=settings.names, generate=True)
    pin: int = secret("the safe's number", default=0)
    rates: dict[str, float] = secret("what each customer pays", default=dict, parse=lambda text: {text: 4712.5})


MINIMUM = {"KEEP_DAYS": "30", "STRIPE_KEY": "sk_live_1234", "SESSION_KEYS": "canary-1,canary-2"}


def test_values_have_their_annotated_types() -> None:
    shop = Shop.load({**MINIMUM, "RATE": "0.07", "OPEN": "no", "UPLOADS": "/data", "LIMIT": "5", "PIN": "17"})
    assert (shop.title, shop.keep_days, shop.rate, shop.open) == ("Shop", 30, 0.07, False)
    assert (shop.uploads, shop.limit, shop.stripe_key, shop.pin) == (Path("/data"), 5, "sk_live_1234", 17)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"KEEP_DAYS": ""}, "KEEP_DAYS: it is not set"),
        ({"KEEP_DAYS": "x"}, "KEEP_DAYS: it is 'x', which is not a whole number"),
        ({"RATE": "much"}, "RATE: it is 'much', which is not a number"),
        ({"OPEN": "maybe"}, "OPEN: it is 'maybe'; write true or false"),
        ({"LIMIT": "1.5"}, "LIMIT: it is '1.5', which is not a whole number"),
        ({"STRIPE_KEY": " "}, "STRIPE_KEY: it is not set"),
        ({"PIN": "hunter2"}, "PIN: its value has the wrong type"),
    ],
)
def test_an_error_names_the_variable_and_what_it_is_for(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as failure:
        Shop.load(MINIMUM | variables)
    assert message in str(failure.value)
    assert Shop.declared[next(iter(variables)).lower()].help in str(failure.value)
    assert "hunter2" not in str(failure.value)


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as failure:
        Shop.load({"RATE": "much"})
    assert all(name in str(failure.value) for name in ("KEEP_DAYS", "STRIPE_KEY", "RATE"))


SECRETS = {**MINIMUM, "PIN": "4711", "RATES": "canary-3", "DATABASE_URL": "mysql://app:canary-4@host/app"}
VALUES = ["sk_live_1234", "canary-1", "canary-2", "4711", "4712", "canary-4"]


@pytest.fixture
def secret_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r:>9}".format,
        lambda declared: repr(vars(declared)),
        lambda declared: repr(declared.values()),
        lambda declared: repr([getattr(declared, name) for name in declared.declared]),
        lambda declared: repr({type(declared): declared}),
    ],
    ids=["repr", "str", "format", "format of repr", "vars", "values", "attributes", "nested"],
)
def test_no_representation_shows_a_secret(secret_variables: None, show: Callable[[BaseSettings], str]) -> None:
    for declared in (Shop.load(), settings.Settings.load()):
        shown = show(declared)
        assert [value for value in VALUES if value in shown] == []


def test_settings_cannot_be_pickled(secret_variables: None) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Shop.load())


def test_a_secret_can_be_used_like_any_other_value(secret_variables: None) -> None:
    shop = Shop.load()
    assert (f"{shop.stripe_key} {shop.pin}", shop.pin + 1, shop.rates) == (
        "sk_live_1234 4711",
        4712,
        {"canary-3": 4712.5},
    )
    assert shop.session_keys == ("canary-1", "canary-2")
    assert "keep_days=30" in repr(shop)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_neither_logs_nor_tracebacks_with_local_variables_show_a_secret(
    secret_variables: None, log_format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parse(text: str) -> str:
        raise TypeError(f"it has {len(text)} characters")

    class Broken(BaseSettings):
        stripe_key: str = secret("the key", parse=parse)

    handlers, level = logging.root.handlers[:], logging.root.level
    monkeypatch.setenv("LOG_FORMAT", log_format)
    settings.current.cache_clear()
    try:
        logs.configure(sys.stderr)
        shop = Shop.load()
        log = logging.getLogger("app")
        log.error("%s %r", shop, {"key": shop.stripe_key}, extra={"shop": shop})
        monkeypatch.setenv("PIN", "canary-5")
        for broken in (Broken, Shop):
            try:
                broken.load()
            except Exception as error:
                log.exception("can't start")
                traceback.TracebackException.from_exception(error, capture_locals=True).print(file=sys.stderr)
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        settings.current.cache_clear()
    output = capsys.readouterr().err
    assert "it has 12 characters" in output and "can't start" in output and "text = '**********'" in output
    assert [value for value in [*VALUES, "canary-5"] if value in output] == []


def test_the_kits_database_url_is_a_secret() -> None:
    config = settings.Settings.load({"DATABASE_URL": "mysql://app:pa55@host/app"})
    assert "pa55" not in f"{config!r} {[config.database_url]}"


def test_a_password_is_not_shown_where_the_database_cannot_be_reached() -> None:
    options = mysql_connection.connect_options("mysql://app:canary-4@127.0.0.1:9/app", None)
    with pytest.raises(OperationalError) as failure:
        mysql_connection.MySQLConnection(**options)
    shown = "".join(traceback.TracebackException.from_exception(failure.value, capture_locals=True).format())
    assert "password = '**********'" in shown
    assert "canary-4" not in shown


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('key: str = secret("a")\n    key: str = setting("b")', "app/settings.py declares key twice"),
        (
            'key: str = secret("a")\n    KEY: str = setting("b")',
            "declares key and KEY, whose variable is the same, twice",
        ),
        ('values: str = setting("a")', "values can't be the name of a setting"),
    ],
)
def test_a_declaration_that_would_hide_another_is_refused(lines: str, problem: str) -> None:
    code = f"class Settings(BaseSettings):\n    {lines}\n"
    names = {"__name__": "app.settings", "BaseSettings": BaseSettings, "setting": setting, "secret": secret}
    with pytest.raises(SettingsError, match=problem):
        exec(code, names)  # noqa: S102


def test_a_type_that_no_text_converts_to_is_refused() -> None:
    class Tagged(BaseSettings):
        tags: list[str] = setting("words", default="")

    assert Tagged.load({}).tags == ""  # type: ignore[comparison-overlap]
    with pytest.raises(SettingsError, match=r"TAGS: tags is declared as list\[str\].* declare it with parse="):
        Tagged.load({"TAGS": "a,b"})


def test_a_subclass_may_declare_a_setting_again() -> None:
    class Other(Shop):
        keep_days: int = setting("how long", default=7)

    assert Other.load({**MINIMUM, "KEEP_DAYS": ""}).keep_days == 7


def test_a_setting_cannot_be_assigned() -> None:
    with pytest.raises(AttributeError, match="TITLE"):
        Shop.load(MINIMUM).title = "Other"


def test_values_are_read_on_first_use_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    for name, value in MINIMUM.items():
        monkeypatch.setenv(name, value)
    assert shop.keep_days == 30
    monkeypatch.setenv("KEEP_DAYS", "31")
    assert shop.keep_days == 30
    shop.cache_clear()
    assert shop.keep_days == 31


class Project:
    """A project with an app's settings and the settings files of its stages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stage(self, name: str, text: str) -> Path:
        """Write a stage's file."""
        file = self.folder / stage_file.FOLDER / f"{name}.env"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def check(self) -> list[str]:
        """Return what the command reports."""
        stage_file.read.cache_clear()
        try:
            command.run(None)  # type: ignore[arg-type]
        except UsageError as error:
            return str(error).splitlines()
        return []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setattr(references, "project", lambda: tmp_path)
    monkeypatch.setattr(settings, "PROJECT", tmp_path)
    monkeypatch.setattr(settings, "of_app", Shop)
    for name in ("APP_STAGE", "APP_SECRETS", *(each.variable for each in Shop.declared.values())):
        monkeypatch.delenv(name, raising=False)
    stage_file.read.cache_clear()
    yield Project(tmp_path)
    stage_file.read.cache_clear()


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The stage's secrets in AWS."""
    values = {"SESSION_KEYS": "key"}
    monkeypatch.setattr(secrets, "of_stage", lambda: values)
    return values


def test_a_stage_has_its_file_and_its_secrets(
    project: Project, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project.stage("prod", '# production\n\nTITLE = "The shop"\nKEEP_DAYS=90\nSTRIPE_KEY=from the file\n')
    stored["STRIPE_KEY"] = "stored"
    monkeypatch.setenv("APP_STAGE", "prod")
    shop = Shop()
    assert (shop.title, shop.keep_days, shop.stripe_key) == ("The shop", 90, "stored")


def test_the_environment_comes_before_the_stage(
    project: Project, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project.stage("prod", "KEEP_DAYS=90")
    stored["STRIPE_KEY"] = "stored"
    monkeypatch.setenv("APP_STAGE", "prod")
    monkeypatch.setenv("KEEP_DAYS", "1")
    monkeypatch.setenv("STRIPE_KEY", "own")
    assert (Shop().keep_days, Shop().stripe_key) == (1, "own")


def test_previews_share_a_file(project: Project, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    project.stage("preview", "KEEP_DAYS=1")
    stored["STRIPE_KEY"] = "stored"
    monkeypatch.setenv("APP_STAGE", "preview12")
    assert Shop().keep_days == 1


@pytest.mark.parametrize(
    ("stage", "name", "advice"),
    [
        ("", "KEEP_DAYS", "Add a line to .env: KEEP_DAYS=…"),
        ("prod", "KEEP_DAYS", "Add a line to app/stages/prod.env: KEEP_DAYS=…"),
        ("prod", "STRIPE_KEY", "Store it: make secret NAME=STRIPE_KEY STAGE=prod"),
    ],
)
def test_a_missing_setting_comes_with_the_command_that_sets_it(
    project: Project, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch, stage: str, name: str, advice: str
) -> None:
    monkeypatch.setenv("APP_STAGE", stage)
    with pytest.raises(SettingsError) as failure:
        Shop().values()
    assert advice in str(failure.value)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("KEEP_DAYZ=1", "app/stages/prod.env: app/settings.py declares no setting KEEP_DAYZ. Did you mean KEEP_DAYS?"),
        ("KEEP_DAYS=x", "app/stages/prod.env: KEEP_DAYS: it is 'x', which is not a whole number"),
        ("STRIPE_KEY=sk_live", "app/stages/prod.env: STRIPE_KEY is a secret"),
        ("export STRIPE_KEY=sk_live", "app/stages/prod.env: STRIPE_KEY is a secret"),
        ("DATABASE_URL=sk_live", "app/stages/prod.env: DATABASE_URL is a secret"),
        ("LOG_LEVEL=loud", "app/stages/prod.env: LOG_LEVEL: it is 'loud'; choose one of"),
        ("KEEP_DAYS", "app/stages/prod.env:1: expected NAME=value"),
        ("KEEP_DAYS=1\nKEEP_DAYS=2", "app/stages/prod.env:2: KEEP_DAYS is set twice"),
    ],
)
def test_a_stages_file_is_checked_against_the_declarations(project: Project, line: str, problem: str) -> None:
    project.stage("prod", line)
    (reported,) = project.check()
    assert reported.startswith(problem)
    assert "sk_live" not in reported


def test_a_valid_stages_file_is_accepted(project: Project) -> None:
    project.stage("prod", "KEEP_DAYS=1\nLOG_LEVEL=debug\n")
    assert project.check() == []


def test_declarations_are_checked_where_no_stage_has_a_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def clash() -> None:
        raise SettingsError("app/settings.py declares key twice.")

    monkeypatch.setattr(settings, "of_app", clash)
    assert project.check() == ["app/settings.py declares key twice."]


def test_a_secret_in_the_example_file_is_reported(project: Project) -> None:
    example = project.folder / ".env.example"
    example.write_text("STRIPE_KEY=\n# STRIPE_KEY=sk_test\nKEEP_DAYS=1\n")
    assert project.check() == []
    example.write_text("export STRIPE_KEY=sk_live\nDATABASE_URL='mysql://app:sk_live@host/app'\n")
    reported = project.check()
    assert [line[:26] for line in reported] == [".env.example: STRIPE_KEY i", ".env.example: DATABASE_URL"]
    assert "sk_live" not in "".join(reported)


def test_an_app_cannot_declare_a_setting_of_the_kits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clash(BaseSettings):
        log_level: str = setting("ours", default="")

    monkeypatch.setattr(settings, "find_spec", lambda name: name)
    monkeypatch.setattr(references, "load", lambda name: Clash())
    with pytest.raises(SettingsError, match="log_level"):
        settings.of_app()


def test_an_app_does_not_inherit_the_kits_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both would be read, and the parameter store be asked twice."""

    class Own(settings.Settings):
        keep_days: int = setting("ours", default=1)

    monkeypatch.setattr(settings, "find_spec", lambda name: name)
    monkeypatch.setattr(references, "load", lambda name: Own())
    with pytest.raises(SettingsError, match="Let it inherit from BaseSettings"):
        settings.of_app()


def test_an_app_without_a_settings_file_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "SETTINGS", "nowhere_at_all:settings")
    assert settings.of_app() is None


def test_the_kits_and_the_apps_settings_are_checked_together(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    settings.current.cache_clear()
    try:
        with pytest.raises(SettingsError) as failure:
            settings.check()
    finally:
        monkeypatch.undo()
        settings.current.cache_clear()
    assert all(name in str(failure.value) for name in ("LOG_LEVEL", "KEEP_DAYS", "STRIPE_KEY"))
    assert os.environ.get("LOG_LEVEL") != "loud"


def test_every_variable_reaches_a_task(project: Project) -> None:
    names: Any = settings.variables()
    assert names >= {"DATABASE_URL", "LOG_LEVEL", "KEEP_DAYS", "STRIPE_KEY"}


def test_a_worker_does_not_start_without_its_settings(project: Project) -> None:
    settings.current.cache_clear()
    with pytest.raises(SettingsError, match="STRIPE_KEY"):
        jobs_command.work(argparse.Namespace(reload=False))


def test_nothing_is_migrated_or_served_with_a_setting_of_the_wrong_type(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEEP_DAYS", "x")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{project.folder / 'app.db'}")
    settings.current.cache_clear()
    with pytest.raises(SettingsError, match="KEEP_DAYS: it is 'x', which is not a whole number"):
        dev.run(argparse.Namespace(port=str(waiting.free_port()), host=None, db=None))
    settings.current.cache_clear()
    assert "".join(capsys.readouterr()) == ""
    assert not project.folder.joinpath("app.db").exists()


def test_the_projects_own_lint_accepts_every_kind_of_declaration(app: Path, tmp_path: Path) -> None:
    own = tmp_path / "app" / "settings.py"
    own.parent.mkdir()
    own.write_text(
        "from pathlib import Path\n\nfrom kit.settings import BaseSettings, secret, setting\n\n\n"
        'class Settings(BaseSettings):\n    """Ours."""\n\n    uploads: Path = setting("a", default=Path("/srv/uploads"))\n'
        '    key: str = secret("b", default="")\n    days: int | None = setting("c", default=None)\n\n\n'
        "settings = Settings()\n"
    )
    command = [sys.executable, "-m", "ruff", "check", "--config", str(app / "pyproject.toml"), str(own)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
