"""Playing scenarios by their numbers."""

import shutil
import traceback
from pathlib import Path

from update_matrix.oracle import Result
from update_matrix.pipeline import PipelineRun
from update_matrix.run import Run
from update_matrix.scenario import scenario


def play(number: int, work: Path, keep: bool = False) -> Result:
    """Play a scenario in a folder below `work`, which holds the template."""
    folder = work / f"run-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    plan = scenario(number)
    try:
        kind = PipelineRun if plan.way == "pipeline" else Run
        return kind(plan, work / "template", work / "bases", folder).play()
    except Exception:  # noqa: BLE001  (a scenario that cannot be played must not end the others)
        return Result(str(plan), "not played", [traceback.format_exc()])
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
