"""Play a number of scenarios, and print what is wrong."""

import argparse
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent.parent)]

from rendering import ROOT
from update_matrix.play import play
from update_matrix.template import make_template


def main() -> int:
    """Play a number of scenarios, and print what is wrong; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many scenarios (200)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--only", type=int, nargs="*", help="these alone, whose folders and output are kept")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once (2)")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "updates", help="a folder for all of it")
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    shutil.rmtree(work / "template", ignore_errors=True)
    shutil.rmtree(work / "bases", ignore_errors=True)
    (work / "bases").mkdir(parents=True)
    make_template(work / "template")
    numbers = arguments.only or range(arguments.first, arguments.first + arguments.count)
    results = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(play, numbers, [work] * len(numbers), [bool(arguments.only)] * len(numbers)):
            results.append(result)
            print(
                f"{'ok  ' if not result.problems else 'FAIL'} {result.seconds:5.1f} s {result.outcome:15} {result.scenario}",
                flush=True,
            )
            for problem in result.problems:
                print(f"       {problem}", flush=True)
            if arguments.only or result.problems:
                (work / f"{result.scenario.partition(':')[0]}.log").write_text(result.output)
    outcomes = {
        outcome: sum(result.outcome == outcome for result in results)
        for outcome in {result.outcome for result in results}
    }
    wrong = sum(bool(result.problems) for result in results)
    refusals = sum(result.refusals for result in results)
    killed = sum(result.killed for result in results)
    print(
        f"{len(results)} updates: {outcomes}, {killed} killed while they wrote, {refusals} refusals followed, "
        f"{wrong} with something wrong"
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
