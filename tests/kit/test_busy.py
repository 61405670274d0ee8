"""The file that a CDN shows to refused visitors."""

from pathlib import Path

import pytest

from kit import references
from kit.web import busy


def test_an_app_may_have_a_page_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "project", lambda: tmp_path)
    assert busy.file() == busy.DEFAULT
    (own := tmp_path / "app" / "static" / "busy.html").parent.mkdir(parents=True)
    own.write_text("mine")
    assert busy.file() == own


def test_the_kits_page_loads_nothing() -> None:
    page = busy.DEFAULT.read_text(encoding="utf-8")
    assert "src=" not in page
    assert "://" not in page
