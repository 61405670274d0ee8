"""`python -m kit migrate`: by which way the schema goes, and with whose leave."""

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from kit import secrets, settings
from kit.cli import migrate, schema
from kit.db import database, migrations
from kit.db.apply import drift
from kit.errors import UsageError
from kit.planetscale import project, transport
from planetscale_server import PlanetScale

PLANETSCALE = "mysql://app:app@aws.connect.psdb.cloud/my-app"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Run the command for a PlanetScale URL; give the engines that would have been migrated directly."""

    def ask(*words: str) -> list[Any]:
        migrated: list[Any] = []
        monkeypatch.setattr(settings, "current", lambda: settings.Settings.load({"DATABASE_URL": PLANETSCALE}))
        monkeypatch.setattr(migrations, "upgrade_branch", lambda engine, **_: migrated.append(engine))
        monkeypatch.setattr(drift, "lines", lambda engine: [])
        monkeypatch.setattr(project, "read", lambda folder: project.Project("my-org", "my-app"))
        database.engine.cache_clear()
        parser = argparse.ArgumentParser()
        migrate.register(parser.add_subparsers())
        arguments = parser.parse_args(["migrate", *words])
        arguments.run(arguments)
        database.engine.cache_clear()
        return migrated

    return ask


def test_a_planetscale_database_is_asked_by_a_deploy_request(
    asked: Callable[..., list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked("--dry-run") == []
    assert "Open a deploy request into the default branch" in capsys.readouterr().err


def test_a_branch_that_takes_ddl_is_migrated_directly(asked: Callable[..., list[Any]]) -> None:
    [engine] = asked("--direct")
    assert engine.url.host == "aws.connect.psdb.cloud"


@pytest.mark.parametrize("words", [("--direct", "--planetscale"), ("--direct", "--into", "staging")])
def test_directly_and_by_a_deploy_request_cannot_be_had_together(
    asked: Callable[..., list[Any]], words: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="Choose one"):
        asked(*words)


def test_another_branch_than_the_default_one_can_be_named(
    asked: Callable[..., list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    asked("--dry-run", "--into", "staging")
    assert "Open a deploy request into staging" in capsys.readouterr().err


def test_what_planetscale_refuses_ends_with_the_command_that_continues(
    asked: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    planetscale = PlanetScale()
    planetscale.accesses = frozenset()
    monkeypatch.setattr(transport, "choose", lambda: planetscale.transport)
    with pytest.raises(UsageError, match=r"(?s)404.*read_database.*Continue with: make migrate INTO=staging"):
        asked("--into", "staging")


def test_in_the_image_which_has_no_linter_the_check_is_left_out(
    asked: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "find_spec", lambda name: None)
    asked("--dry-run")
    assert "Open a deploy request" in capsys.readouterr().err


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a secret have this text."""

    def keep(text: str) -> None:
        for name in ("PLANETSCALE_SERVICE_TOKEN_ID", "PLANETSCALE_SERVICE_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PLANETSCALE_TOKEN_SECRET", "/my-app/prod/planetscale-token")
        monkeypatch.setattr(secrets, "read", lambda name: text)

    return keep


def test_in_the_cloud_the_service_token_is_a_secret(kept: Callable[[str], None]) -> None:
    kept("one:two\n")
    chosen = transport.choose()
    assert isinstance(chosen, transport.Http)
    assert chosen.authorization == "one:two"


def test_an_incomplete_token_is_an_error_that_does_not_repeat_it(kept: Callable[[str], None]) -> None:
    kept("onlyhalf")
    with pytest.raises(UsageError, match="ID:TOKEN") as told:
        transport.choose()
    assert "onlyhalf" not in str(told.value)
