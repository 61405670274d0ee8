"""Settings: declared in a class, read from the environment, a stage's file and its secrets, and checked at once."""

import argparse
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit import references, secrets, settings, stage_file
from kit.base_settings import BaseSettings, SettingsError, secret, setting
from kit.cli import jobs as jobs_command
from kit.cli import settings as command
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


def test_secrets_are_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop.load({**MINIMUM, "PIN": "4711"})
    logging.getLogger().error("%s %r", shop, {"key": shop.stripe_key})
    shown = f"{shop} {shop!r} {caplog.text}"
    assert "sk_live_1234" not in shown
    assert "4711" not in repr(shop)
    assert "canary" not in f"{shop!r} {shop.session_keys}"
    assert shop.session_keys == ("canary-1", "canary-2")
    assert "keep_days=30" in repr(shop)
    assert shop.stripe_key == "sk_live_1234"


def test_the_kits_database_url_is_a_secret() -> None:
    config = settings.Settings.load({"DATABASE_URL": "mysql://app:pa55@host/app"})
    assert "pa55" not in f"{config!r} {[config.database_url]}"


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


def test_a_secret_in_the_example_file_is_reported(project: Project) -> None:
    example = project.folder / ".env.example"
    example.write_text("STRIPE_KEY=\n# STRIPE_KEY=sk_test\nKEEP_DAYS=1\n")
    assert project.check() == []
    example.write_text("STRIPE_KEY=sk_live\n")
    assert [line.partition(":")[0] for line in project.check()] == [".env.example"]


def test_an_app_cannot_declare_a_setting_of_the_kits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clash(BaseSettings):
        log_level: str = setting("ours", default="")

    monkeypatch.setattr(settings, "find_spec", lambda name: name)
    monkeypatch.setattr(references, "load", lambda name: Clash())
    with pytest.raises(SettingsError, match="log_level"):
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
