"""An update leaves the user's own infrastructure files alone, creates those that are missing, and knows each tool's."""

from pathlib import Path

import pytest

from releases import commit, committed, copy, git
from test_update import contents, update

OWN = {"cdk": "infra/cdk/own.py", "sam": "infra/sam/own.yaml", "terraform": "infra/terraform/own.tf"}
POLICY = "infra/policies/own.json"
MINE = "# Rewritten from top to bottom: mine.\n"


@pytest.fixture(scope="module")
def template(small_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions: without own files, with them, and with other examples in them."""
    folder = tmp_path_factory.mktemp("template") / "template"
    git(folder.parent, "clone", "--quiet", str(small_template), folder.name)
    files = [folder / "template" / name for name in (*OWN.values(), POLICY)]
    texts = [file.read_text(encoding="utf-8") for file in files]
    for file in files:
        file.unlink()
    commit(folder, "v1000.1.0")
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    commit(folder, "v1000.2.0")
    for file, text in zip(files, texts, strict=True):
        file.write_text(text.replace("own", "others'") + "\n", encoding="utf-8")
    commit(folder, "v1000.3.0")
    return folder


def owned(iac: str) -> set[str]:
    return {OWN[iac], POLICY}


@pytest.mark.parametrize("iac", OWN)
def test_own_files_stay_as_they_are_without_a_conflict(template: Path, tmp_path: Path, iac: str) -> None:
    project = copy(template, tmp_path / "photo-wall", "v1000.2.0", iac=iac)
    for name in owned(iac):
        project.joinpath(name).write_text(MINE, encoding="utf-8")
    before = contents(committed(project))
    update(project, iac=iac)
    after = contents(project)
    assert git(project, "ls-files", "--unmerged") == ""
    assert not [name for name in after if name.endswith(".rej")]
    assert {name: after[name] for name in owned(iac)} == dict.fromkeys(owned(iac), MINE)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {".copier-answers.yml"}


@pytest.mark.parametrize("iac", OWN)
def test_untouched_examples_stay_as_they_were(template: Path, tmp_path: Path, iac: str) -> None:
    project = committed(copy(template, tmp_path / "photo-wall", "v1000.2.0", iac=iac))
    before = contents(project)
    update(project, iac=iac)
    assert {name: contents(project)[name] for name in owned(iac)} == {name: before[name] for name in owned(iac)}


@pytest.mark.parametrize("iac", OWN)
def test_a_project_without_own_files_gets_them(template: Path, tmp_path: Path, iac: str) -> None:
    project = committed(copy(template, tmp_path / "photo-wall", "v1000.1.0", iac=iac))
    assert not owned(iac) & contents(project).keys()
    update(project, iac=iac)
    fresh = contents(copy(template, tmp_path / "fresh", "v1000.3.0", iac=iac))
    assert {name: contents(project)[name] for name in owned(iac)} == {name: fresh[name] for name in owned(iac)}


def test_another_tool_brings_its_own_file_and_names_the_changed_one_that_goes(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = copy(template, tmp_path / "photo-wall", "v1000.3.0", iac="terraform")
    project.joinpath(OWN["terraform"]).write_text(MINE, encoding="utf-8")
    project.joinpath(POLICY).write_text(MINE, encoding="utf-8")
    committed(project)
    update(project, iac="sam")
    after = contents(project)
    assert OWN["sam"] in after
    assert OWN["terraform"] not in after
    assert after[POLICY] == MINE
    assert f"git show HEAD:./{OWN['terraform']}" in capfd.readouterr().err
