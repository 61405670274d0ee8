"""The guides: each is followed to the letter on a blank app, whose checks and tests must pass then."""

import re
import shutil
from pathlib import Path

import pytest

import guides
from releases import committed, git

CHECKS = "./uvw run sh -c 'ruff format --check && ruff check && mypy && pytest -q'"
"""The quicker parts of `make check`, all of which one of the guides runs."""


@pytest.fixture(scope="module")
def blank(installed_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed app without the wall."""
    folder = tmp_path_factory.mktemp("guides") / installed_app.name
    shutil.copytree(installed_app, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".git", "data"))
    committed(folder)
    guides.run("./uvw sync --quiet && make blank", folder)
    committed(folder)
    return folder


@pytest.mark.parametrize("page", guides.PAGES)
def test_an_app_that_follows_the_guide_passes_its_checks(page: str, blank: Path) -> None:
    git(blank, "reset", "--quiet", "--hard")
    git(blank, "clean", "--quiet", "--force", "-d", "-x", "--exclude=.venv", "--exclude=.*_cache")
    guides.run("./uvw sync --quiet", blank)  # without the packages of another guide
    guides.apply(page, blank)
    output = guides.run(CHECKS, blank)
    assert re.search(r"^\d+ passed", output, re.MULTILINE), output


@pytest.mark.parametrize("page", guides.PAGES)
def test_every_file_of_a_guide_is_named_above_it(page: str) -> None:
    text = guides.FOLDER.joinpath(f"{page}.md").read_text(encoding="utf-8")
    for above, title in re.findall(r'([^\n]*)\n+```\w+ title="([^"]+)"', text):
        assert f"`{title}`" in above


@pytest.mark.parametrize("page", guides.PAGES)
def test_a_guide_is_listed_and_brings_a_test(page: str) -> None:
    assert f"]({page}.md)" in guides.FOLDER.joinpath("README.md").read_text(encoding="utf-8")
    assert [block.title for block in guides.blocks(page) if block.title.startswith("tests/test_")]


def test_a_change_must_fit_in_one_place() -> None:
    twice = guides.Block("diff", "app/web.py", " a\n+b\n")
    assert guides.edited("a\nc\n", twice) == "a\nb\nc\n"
    for text in ("a\na\n", "ba\n", "c\n"):
        with pytest.raises(AssertionError, match="not in one"):
            guides.edited(text, twice)


def test_a_diff_can_have_several_changes_and_empty_lines() -> None:
    block = guides.Block("diff", "app/web.py", " a\n\n-b\n+c\n@@\n d\n+e\n")
    assert guides.edited("a\n\nb\nd\n", block) == "a\n\nc\nd\ne\n"
