"""An update leaves the user's own infrastructure files alone, and knows each tool's; test_update has that it creates them."""

from pathlib import Path

import pytest

import history
from releases import commit, committed, copy, git
from test_update import contents, update
from user_edits import change

OWN = {"cdk": "infra/cdk/own.py", "sam": "infra/sam/own.yaml", "terraform": "infra/terraform/own.tf"}
POLICY = "infra/policies/own.json"
OTHER = "v1000.1.0"
MINE = "# Rewritten from top to bottom: mine.\n"


@pytest.fixture(scope="module")
def template(small_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions: with own files, and with other examples in them."""
    folder = tmp_path_factory.mktemp("template") / "template"
    git(folder.parent, "clone", "--quiet", str(small_template), folder.name)
    for name in (*OWN.values(), POLICY):
        change(folder / "template" / name, lambda text: text.replace("own", "others'") + "\n")
    commit(folder, OTHER)
    return folder


@pytest.mark.parametrize("iac", OWN)
def test_own_files_stay_as_they_are_without_a_conflict(template: Path, tmp_path: Path, iac: str) -> None:
    """The tool's is rewritten, and the policies are still the template's example; see also `history.take_away`."""
    project = copy(template, tmp_path / "photo-wall", history.NEWEST, iac=iac)
    project.joinpath(OWN[iac]).write_text(MINE, encoding="utf-8")
    before = contents(committed(project))
    update(project, iac=iac)
    after = contents(project)
    assert git(project, "ls-files", "--unmerged") == ""
    assert not [name for name in after if name.endswith(".rej")]
    assert after[OWN[iac]] == MINE
    assert after[POLICY] == before[POLICY]
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {".copier-answers.yml"}


def test_another_tool_brings_its_own_file_and_names_the_changed_one_that_goes(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = copy(template, tmp_path / "photo-wall", OTHER, iac="terraform")
    project.joinpath(OWN["terraform"]).write_text(MINE, encoding="utf-8")
    project.joinpath(POLICY).write_text(MINE, encoding="utf-8")
    committed(project)
    update(project, iac="sam")
    after = contents(project)
    assert OWN["sam"] in after
    assert OWN["terraform"] not in after
    assert after[POLICY] == MINE
    assert f"git show HEAD:./{OWN['terraform']}" in capfd.readouterr().err
