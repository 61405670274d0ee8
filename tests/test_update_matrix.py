"""A handful of the updates of `update_matrix`, with few of the template's files.

UPDATE_MATRIX=200 plays that many with all its files, which takes half an hour on two cores.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from update_matrix import checkouts, configs, edits, obstacles
from update_matrix.play import play
from update_matrix.run import Run
from update_matrix.scenario import TOOLS, WAYS, scenario
from update_matrix.template import NEWS, NEXT, NOTE, STEP, make_template

HANDFUL = (1, 4, 33, 192)
"""A kill, a conflict, something in the way in a SHA-256 repository, and the pipeline with a step that fails."""
COUNT = int(os.environ.get("UPDATE_MATRIX", "0"))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the template and all its versions."""
    folder = tmp_path_factory.mktemp("updates")
    make_template(folder / "template", small=not COUNT)
    (folder / "bases").mkdir()
    return folder


@pytest.mark.parametrize("number", range(COUNT) if COUNT else HANDFUL)
def test_an_update_loses_nothing_and_reports_everything(work: Path, number: int) -> None:
    result = play(number, work)
    assert not result.problems, f"{result.scenario}\n{result.output}"


def test_two_hundred_scenarios_have_every_option_of_every_dimension() -> None:
    scenarios = [scenario(number) for number in range(200)]
    assert {one.obstacle for one in scenarios} >= set(obstacles.OBSTACLES)
    assert {edit for one in scenarios for edit in one.edits} == set(edits.EDITS)
    assert {one.checkout for one in scenarios} == set(checkouts.CHECKOUTS)
    assert {one.way for one in scenarios} == set(WAYS)
    assert all(options in [one.config for one in scenarios] for options in configs.CONFIGS)
    assert {one.iac for one in scenarios} == set(TOOLS)


@pytest.fixture
def judged(tmp_path: Path) -> Run:
    """A scenario whose project had two files with lines of the user's, and now has one of them, as it was."""
    run = Run(scenario(4), tmp_path, tmp_path, tmp_path)
    run.plan = replace(run.plan, edits=())
    run.project = tmp_path / "wall"
    run.project.mkdir()
    (run.project / ".copier-answers.yml").write_text(f"_commit: {NEXT}\n")
    (run.project / "Makefile").write_text("one\nmine\n")
    run.before = {"Makefile": b"one\nmine\n", "kit/pyproject.toml": b"old\nmine\n"}
    run.old = {"Makefile": b"one\n", "kit/pyproject.toml": b"old\n"}
    run.new = {"Makefile": b"one\n"}
    return run


REPORT = f"{NOTE}\n{NEWS}\n{STEP}\n"


def test_the_oracle_finds_a_lost_line_unless_its_file_is_named(judged: Run) -> None:
    judged.judge(0, REPORT)
    assert [problem.partition(":")[0] for problem in judged.result.problems] == ["lost, and not named"]
    judged.result.problems.clear()
    judged.judge(0, f"{REPORT}git show HEAD:./kit/pyproject.toml")
    assert judged.result.problems == []


@pytest.mark.parametrize("untold", [NOTE, NEWS, STEP])
def test_the_oracle_detects_unreported_changes(judged: Run, untold: str) -> None:
    judged.judge(0, f"{REPORT}kit/pyproject.toml".replace(untold, ""))
    assert len(judged.result.problems) == 1


def test_the_oracle_finds_a_conflict_that_is_not_named(judged: Run) -> None:
    marked = "one\n<<<<<<< before updating\nmine\n=======\n>>>>>>> after updating\n"
    (judged.project / "Makefile").write_text(marked)
    judged.judge(0, f"{REPORT}kit/pyproject.toml")
    assert judged.result.problems == ["a conflict that is not named: Makefile", "conflicts, and 0"]
