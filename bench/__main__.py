"""`make bench` and `make bench-quick`: measure, tell, and (whole runs only) write the docs' figures."""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import containers
from bench import burst, contender, database, footprint, generation, jobs, picture, report, rounds
from bench.contender import CONTENDERS, OURS, QUICK
from rendering import ROOT


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the generated app beside others.")
    parser.add_argument("--quick", action="store_true", help="few starts of few contenders; writes nothing")
    quick: bool = parser.parse_args().quick
    if not containers.engine_answers():
        raise SystemExit(
            "The benchmark runs the app's real image, and no Docker engine answers. Start it and try again."
        )
    with suppress(OSError):
        os.nice(-20)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = _measure(Path(folder), quick)
    data = report.figures(run)
    page = report.page(data)
    print(page)
    if not quick:
        docs = ROOT / "docs"
        (docs / "benchmark.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        (docs / "benchmark.md").write_text(page, encoding="utf-8")
        (docs / "benchmark.svg").write_text(picture.draw(data), encoding="utf-8")
        print("Written: docs/benchmark.md, docs/benchmark.json, docs/benchmark.svg", file=sys.stderr)
    print(f"Took {time.monotonic() - begun:.0f} s.", file=sys.stderr)


def _measure(folder: Path, quick: bool) -> report.Run:
    contenders = QUICK if quick else CONTENDERS
    images = {}
    for one in contenders:
        print(f"building {one.name} …", file=sys.stderr)
        images[one] = contender.build(one, folder / (one.folder or "app"))
    batches = contender.build(contender.POWERTOOLS_JOBS, folder / contender.POWERTOOLS_JOBS.folder)
    generations = [] if quick else generation.run(_made(folder / "generation"), times=3, checks=True)
    core = max(os.sched_getaffinity(0))
    with database.running(_made(folder / "mysql"), images[OURS], contender.base()) as server:
        starts = rounds.run(
            images,
            server.options,
            starts=5 if quick else 21,
            warm_starts=1 if quick else 3,
            requests=200 if quick else 1000,
            core=core,
        )
        footprints = {
            one: report.Footprint(contender.bytes_above_base(image), *footprint.read_at_start(image, server.options))
            for one, image in images.items()
        }
        rehearsed = burst.run(images, server.server, 20 if quick else burst.ENVIRONMENTS)
        cases = jobs.run(images[OURS], batches, server.options, turns=1 if quick else 5, batches=100, core=core)
    python = containers.python(contender.base(), "import platform; print(platform.python_version())")
    return report.Run(starts, burst.figures(rehearsed), footprints, cases, generations, python)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
