"""What was measured, as data and as a page: ratios first, then medians with their spread."""

import os
import platform
from dataclasses import asdict, dataclass
from datetime import date
from statistics import median, quantiles
from typing import Any

from bench.contender import FASTAPI, LEFT_OUT, OURS, STARLETTE, Contender
from bench.generation import Generation
from bench.jobs import Case
from bench.rounds import Measured, spread


@dataclass(frozen=True)
class Footprint:
    """Of an image: bytes above its base, and what a start reads."""

    image: int
    files: int
    read: int


@dataclass(frozen=True)
class Run:
    """All of one run."""

    starts: dict[Contender, Measured]
    burst: dict[str, Any]
    footprints: dict[Contender, Footprint]
    jobs: list[Case]
    generations: list[Generation]
    python: str


def machine() -> str:
    """The machine in words."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            model = next(line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}"


def figures(run: Run) -> dict[str, Any]:
    """The figures of a run, ready for JSON; times are milliseconds, sizes bytes but for memory (MB)."""
    return {
        "date": date.today().isoformat(),
        "machine": machine(),
        "python": run.python,
        "contenders": {contender.name: _of(run, contender) for contender in run.starts},
        "burst": run.burst,
        "jobs": [
            {
                "job": case.what,
                "ours_ms": round(median(case.ours_ms), 4),
                "powertools_ms": round(median(case.theirs_ms), 4),
                "jobs_a_second_ours_to_powertools": round(median(case.theirs_ms) / median(case.ours_ms), 2),
            }
            for case in run.jobs
        ],
        "templates": [asdict(template) for template in run.generations],
        "left_out": LEFT_OUT,
    }


def _of(run: Run, contender: Contender) -> dict[str, Any]:
    seen = run.starts[contender]
    values: dict[str, Any] = {"database": contender.reads, "jobs": contender.jobs}
    for name, measured in (("cold", seen.cold), ("init", seen.init), ("first", seen.first()), ("warm", seen.warm)):
        if measured:
            middle, low, high = spread(measured)
            values[f"{name}_ms"] = {"median": round(middle, 2), "quartiles": [round(low, 2), round(high, 2)]}
    if seen.warm:
        values["warm_p99_ms"] = round(quantiles(seen.warm, n=100)[98], 2)
        values["memory_mb"] = round(median(seen.memory), 1)
    if contender in run.footprints:
        values |= {f"{name}_{unit}": value for (name, value), unit in zip(
            asdict(run.footprints[contender]).items(), ("bytes", "at_start", "bytes_at_start"), strict=True)}  # fmt: skip
    return values


def ratios(data: dict[str, Any]) -> list[tuple[str, float]]:
    """Ours to others', of medians: below 1 is better for ours, but for jobs a second."""
    all_of = data["contenders"]
    ours, fastapi, starlette = (all_of[contender.name] for contender in (OURS, FASTAPI, STARLETTE))

    def ratio(what: str, of: dict[str, Any]) -> float:
        mine, other = ours[what], of[what]
        return mine["median"] / other["median"] if isinstance(mine, dict) else mine / other

    rows = [
        ("cold start to the first response that reads the database: ours ÷ FastAPI's", ratio("cold_ms", fastapi)),
        ("the same: ours ÷ Starlette's with the bare driver", ratio("cold_ms", starlette)),
        ("warm request, median: ours ÷ FastAPI's", ratio("warm_ms", fastapi)),
        ("memory: ours ÷ FastAPI's", ratio("memory_mb", fastapi)),
    ]
    burst = data["burst"]["contenders"]
    rows.append(
        (
            f"{data['burst']['environments']} environments at once, time to the last answer: ours ÷ FastAPI's",
            burst[OURS.name]["last_answer_s"] / burst[FASTAPI.name]["last_answer_s"],
        )
    )
    rows += [
        (f"jobs a second, {case['job']}: ours ÷ Powertools'", case["jobs_a_second_ours_to_powertools"])
        for case in data["jobs"]
    ]
    rivals = {name: of for name, of in all_of.items() if of["database"] and of["jobs"] and name != OURS.name}
    for what, name in (("cold_ms", "cold start"), ("warm_ms", "warm request"), ("memory_mb", "memory")):
        best = min(rivals, key=lambda rival: _number(rivals[rival][what]))
        rows.append((f"{name}: ours ÷ the best with a database and jobs ({best})", ratio(what, rivals[best])))
    return rows


def _number(value: Any) -> float:
    return float(value["median"] if isinstance(value, dict) else value)


def page(data: dict[str, Any]) -> str:
    """The page for docs/."""
    lines = [
        "# The benchmark",
        f"Measured on {data['date']} by `make bench`: {data['machine']}; Python {data['python']} of the app's image.",
        "Absolute figures hold for that machine; compare ratios.",
        "",
        "![Cold starts](benchmark.svg)",
        "",
        "| ratio of medians in one run | |",
        "| --- | ---: |",
        *(f"| {what} | {value:.2f} |" for what, value in ratios(data)),
        "",
        "## Starts and requests",
        "| | cold | init | first response | warm | warm p99 | memory | image above its base | read at start |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [_row(name, of) for name, of in data["contenders"].items()]
    lines += ["", _HOW, ""]
    lines += [f"Left out: {name}: {why}." for name, why in data["left_out"].items()]
    lines += ["", "## Many environments at once", *burst_lines(data["burst"])]
    lines += ["", "## Jobs", "| the job | ours, ms | Powertools, ms | jobs a second, ours ÷ Powertools' |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {case['job']} | {case['ours_ms']:.3f} | {case['powertools_ms']:.3f} |"
        f" {case['jobs_a_second_ours_to_powertools']:.2f} |"
        for case in data["jobs"]
    ]
    lines += ["", _JOBS, "", "## The template", "| | files | render, s | update, s | copy with all checks, s |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {template['template']} | {template['files']} | {template['render']:.1f} | {template['update']:.1f} |"
        f" {(template['checked'] and round(template['checked'], 1)) or ''} |"
        for template in data["templates"]
    ]
    if len(data["templates"]) == 1:
        lines += ["", "Other templates were not measured: BENCH_TEMPLATES named no clone of one."]
    return "\n".join(lines) + "\n"


def burst_lines(burst: dict[str, Any]) -> list[str]:
    """The section about many environments that start at once."""
    lines = [
        f"Measured on {burst['date']}: {burst['machine']}.",
        "",
        "| | failed | lost | connections | last answer, s | p95, ms | p95 ÷ forecast | memory of one | of all |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {of['failed']} | {of['lost']} | {of['connections']} | {of['last_answer_s']:.1f} | {of['p95_ms']:,} |"
        f" {of['p95_ms'] / of['p95_forecast_ms']:.2f} | {of['memory_mb']:.0f} MB | {of['memory_all_mb'] / 1000:.1f} GB |"
        for name, of in burst["contenders"].items()
    ]
    return [*lines, "", _BURST.format(**burst)]


def _row(name: str, of: dict[str, Any]) -> str:
    def cell(what: str) -> str:
        if what not in of:
            return ""
        low, high = of[what]["quartiles"]
        return f"{of[what]['median']:.1f} ({low:.1f}–{high:.1f})"

    cells = [name, *(cell(f"{what}_ms") for what in ("cold", "init", "first", "warm"))]
    cells.append(f"{of['warm_p99_ms']:.1f}" if "warm_p99_ms" in of else "")
    cells.append(f"{of['memory_mb']:.0f} MB" if "memory_mb" in of else "")
    cells.append(f"{of['image_bytes'] / 1e6:.0f} MB" if "image_bytes" in of else "")
    cells.append(
        f"{of['files_at_start']} files, {of['read_bytes_at_start'] / 1e6:.1f} MB" if "files_at_start" in of else ""
    )
    return f"| {' | '.join(cells)} |"


_HOW = (
    "Milliseconds, median (and quartiles). Each is an image of its own on the same base, byte-compiled, run by AWS's "
    "runtime interface emulator on one core, as Lambda's user and on a read-only file system. The page is the same: "
    "ten messages from a MySQL server through verified TLS, as HTML with style and script; the event is a browser's. "
    "*Cold* is what a visitor waits who meets a new environment: from the event to the whole answer, with the start of "
    "the process (*init*). Memory (RSS) is taken after 1,000 requests. What a start reads is the size of every file "
    "that it opens or maps. The apps stand in `bench/contenders/`; the rounds go in turns."
)
_BURST = (
    "{environments} environments of an image get their first request at the same moment, and each {requests} requests one "
    "after another: `make spike LOCAL=1`, here with the page above. Each is a process of its own with a connection of its "
    "own. The stacks go in turns, twice; shown is the shorter one. The forecast is made from small bursts before and "
    "after. Memory counts pages that several environments share once."
)
_JOBS = (
    "The handler alone, batches of ten. The kit's time includes what Powertools leaves to the app: the time limit, the "
    "arguments checked against the signature, the job's and the request's id. Both remove what is done from the queue: "
    "the kit one by one as they finish (so that a crash runs none again), Lambda after the batch. The kit also hides a "
    "batch in one call, so that a lost job is tried again soon. These calls are the queue's "
    "time, and in neither figure."
)
