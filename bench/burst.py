"""Many environments that start at once, of the generated app and of FastAPI: `make bench-burst`.

The same rehearsal as `make spike LOCAL=1`, with the same page of ten messages, on one MySQL server, one after the other.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import containers
import mysql
import rie
from bench import contender, database, environment, report
from bench.contender import FASTAPI, OURS, Contender
from kit.ops.spike import rehearsal
from kit.ops.spike.environments import Database
from kit.ops.spike.rehearsal import Rehearsal
from rendering import ROOT

ENVIRONMENTS, REQUESTS, TURNS = 150, 4, 2
FIRST = ["--cpu-shares", "262144"]
"""So that what else the machine does takes little from either."""


def main() -> None:
    """Measure the burst alone, and put it into docs/benchmark.json and docs/benchmark.md."""
    parser = argparse.ArgumentParser(prog="python -m bench.burst", description=__doc__)
    parser.add_argument("--environments", type=int, default=ENVIRONMENTS, help=f"default: {ENVIRONMENTS}")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    if not containers.engine_answers():
        raise SystemExit("The burst runs the app's real image, and no Docker engine answers. Start it and try again.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = {one: contender.build(one, folder / (one.folder or "app")) for one in (OURS, FASTAPI)}
        (folder / "mysql").mkdir()
        with database.running(folder / "mysql", images[OURS], contender.base()) as running:
            bursts = run(images, running.server, arguments.environments)
    measured = figures(bursts)
    print("\n".join(report.burst_lines(measured)))
    if not arguments.dry:
        file = ROOT / "docs" / "benchmark.json"
        data = json.loads(file.read_text(encoding="utf-8")) | {"burst": measured}
        file.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        file.with_suffix(".md").write_text(report.page(data), encoding="utf-8")


def run(images: dict[Contender, str], server: mysql.Server, environments: int) -> dict[Contender, list[Rehearsal]]:
    """Rehearse with each image; both are read from the same tables."""
    assert isinstance(server.container, containers.Container)
    used = Database(
        server.container.name,
        server.url_on_network("127.0.0.1"),
        Path(server.ca),
        _connections(server),
    )
    machine = rehearsal.machine()
    bursts: dict[Contender, list[Rehearsal]] = {OURS: [], FASTAPI: []}
    for turn in range(TURNS):
        for one, rehearsed in bursts.items():
            print(f"{environments} environments at once, turn {turn + 1} of {TURNS}: {one.name} …", file=sys.stderr)
            rehearsed.append(
                rehearsal.measure(
                    images[one],
                    used,
                    machine,
                    count=environments,
                    requests=REQUESTS,
                    event=environment.PAGE,
                    emulator=rie.program().parent,
                    options=FIRST,
                    rounds=4,
                )
            )
    return bursts


def _connections(server: mysql.Server) -> Callable[[], int]:
    def count() -> int:
        with server.admin() as admin, admin.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM information_schema.processlist WHERE user = 'app'")
            return int(cursor.fetchall()[0][0])

    return count


def figures(bursts: dict[Contender, list[Rehearsal]]) -> dict[str, Any]:
    """The figures, ready for JSON."""
    return {
        "date": date.today().isoformat(),
        "machine": report.machine(),
        "environments": bursts[OURS][0].burst.environments,
        "requests": REQUESTS,
        "contenders": {one.name: _of(rehearsed) for one, rehearsed in bursts.items()},
    }


def _of(turns: list[Rehearsal]) -> dict[str, Any]:
    """Of the shortest turn, which the machine has disturbed least; failures of all."""
    rehearsed = min(turns, key=lambda one: one.burst.seconds)
    burst, expected = rehearsed.burst, rehearsed.forecast
    return {
        "failed": sum(len(one.burst.failed) for one in turns),
        "lost": sum(len(one.burst.lost) for one in turns),
        "connections": burst.connections,
        "last_answer_s": round(burst.seconds, 2),
        "last_answer_forecast_s": round(expected.seconds, 2),
        "p95_ms": round(rehearsed.p95),
        "p95_forecast_ms": round(expected.p95),
        "environments": len(burst.first),
        "environments_forecast": expected.environments,
        "first_ms": round(median(burst.first)) if burst.first else None,
        "later_ms": round(median(burst.later), 1) if burst.later else None,
        "memory_mb": round(median(burst.memory), 1),
        "memory_all_mb": round(sum(burst.memory)),
    }


if __name__ == "__main__":
    main()
