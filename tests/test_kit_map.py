"""kit/README.md, the map of the kit: complete, up to date, and its links lead somewhere."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kit_map
from rendering import ROOT, TEMPLATE

DOCUMENTS = sorted([kit_map.README, *(kit_map.KIT / "docs").rglob("*.md"), TEMPLATE / "README.md.jinja"])


def test_the_map_has_every_public_name_and_no_other() -> None:
    readme = kit_map.README.read_text(encoding="utf-8")
    assert kit_map.with_map(readme) == readme, "run: python3 kit_map.py"


@pytest.mark.parametrize("module", kit_map.public_modules())
def test_a_public_module_lists_names_that_it_has(module: str) -> None:
    names = importlib.import_module(module).__all__
    assert names
    assert [name.name for name in kit_map.public_names(module)] == names
    for name in names:
        assert not name.startswith("_")
        assert hasattr(importlib.import_module(module), name)


def imported_by_the_app() -> Iterator[tuple[str, str]]:
    """Give what the generated app's own files import from the kit, as (module, name)."""
    for folder in ("app", "tests", "migrations"):
        for path in (TEMPLATE / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "kit":
                    yield from ((node.module or "", alias.name) for alias in node.names)


def test_the_app_imports_public_names_alone() -> None:
    public = {*kit_map.public_modules()}
    names = {f"{module}.{name.name}" for module in public for name in kit_map.public_names(module)}
    imported = {f"{module}.{name}" for module, name in imported_by_the_app()}
    assert imported
    assert imported <= public | names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(document: Path, app: Path) -> None:
    place = app / document.relative_to(TEMPLATE).with_suffix("" if document.suffix == ".jinja" else document.suffix)
    links = re.findall(r"\]\((?!https?://)([^)#]+)", place.read_text(encoding="utf-8"))
    assert links or "docs" in document.parts
    assert [link for link in links if not (place.parent / link).exists()] == []
    for page in re.findall(r"spikeproof/blob/main/([^)#]+)", place.read_text(encoding="utf-8")):
        assert (ROOT / page).is_file()


def test_the_readme_is_short(app: Path) -> None:
    assert len((app / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
