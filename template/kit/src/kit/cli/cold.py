"""`python -m kit cold`: where the time of a cold start goes, your own code's included."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from kit import references
from kit.errors import UsageError

NOBODY = "mysql://nobody@localhost/nothing"
"""A database that a start has no need to reach."""


def register(commands: Any) -> None:
    """Add the command."""
    cold = commands.add_parser("cold", help="start the web function anew, and tell where the time goes")
    cold.add_argument("--path", default="/", help="the page that the first visitor asks for (/)")
    cold.add_argument("--runs", type=int, default=5, help="starts, of which the fastest is shown (5)")
    cold.set_defaults(run=run)


class Start(NamedTuple):
    """One start: when its process began to run our code, what it told, and each module's own milliseconds."""

    python: float
    seen: dict[str, Any]
    modules: dict[str, float]


def run(arguments: argparse.Namespace) -> None:
    """Print the fastest of a few starts, the greatest part first."""
    starts = []
    for number in range(max(arguments.runs, 1)):
        if sys.stderr.isatty():
            print(f"\rstart {number + 1} of {arguments.runs} …", end="", file=sys.stderr, flush=True)
        starts.append(start(arguments.path))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(told(min(starts, key=_whole), arguments.path))


def start(path: str | None = None, **environ: str) -> Start:
    """Start the web function in a process of its own, with these variables besides; raises `UsageError`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "seen"
        command = [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "kit.coldstart.profile",
            str(file),
            *([path] if path else []),
        ]
        given = os.environ | {"LOG_LEVEL": "error", "AWS_LAMBDA_FUNCTION_NAME": "cold"} | environ
        given.pop("PYTHONDONTWRITEBYTECODE", None)  # the image has byte code, so the second start here has it too
        begun = time.time()
        done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
            raise UsageError("The web function does not start:\n" + "\n".join(said[-20:]))
        seen = json.loads(file.read_text())
    times = _own_times(done.stderr)
    known = sum(times.get(module, 0) for module in set(seen["modules"]) - set(seen["client"]))
    times[references.WEB_APP.partition(":")[0]] = max(
        seen["imports"] - known, 0
    )  # it is imported by its name: not told
    return Start((seen["begun"] - begun) * 1000, seen, times)


def loaded() -> set[str]:
    """The modules that a start has loaded before the first visitor's request."""
    return set(start(DATABASE_URL=NOBODY).seen["modules"])


def _own_times(stderr: str) -> dict[str, float]:
    """What `-X importtime` tells: of each module its own time, in milliseconds, in the order of loading."""
    lines = re.findall(r"^import time: +(\d+) \| +\d+ \| +([\w.]+)$", stderr, re.MULTILINE)
    return {module: int(microseconds) / 1000 for microseconds, module in lines}


def _whole(of: Start) -> float:
    asked: float = of.seen.get("connection", 0) + of.seen.get("first", 0)
    return of.python + sum(of.modules.values()) + asked


def told(of: Start, path: str) -> str:
    """The start as aligned lines."""
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for module, took in of.modules.items():
        groups[_group(module)][module] = took
    ordered = sorted(groups.items(), key=lambda group: -sum(group[1].values()))
    lines = [f"A cold start takes {_whole(of):.0f} ms here, without the time that AWS takes to bring the image.", ""]
    few: dict[str, float] = {}
    for name, modules in ordered:
        if sum(modules.values()) < 1 and name not in {"your app"}:
            few |= modules
            continue
        lines.append(_line(f"import {name}", sum(modules.values()), f"{len(modules)} modules"))
        if name == "your app":
            slowest = sorted(modules.items(), key=lambda module: -module[1])[:5]
            lines += [f"    {module:<32}{took:8.1f}" for module, took in slowest]
    lines.append(_line("import all others", sum(few.values()), f"{len(few)} modules"))
    lines.append(_line("Python itself", of.python, ""))
    if "unreachable" in of.seen:
        lines += ["", f"No first answer: the database cannot be reached ({of.seen['unreachable']})."]
        return "\n".join(lines)
    lines += [
        _line("first connection", of.seen["connection"], "on Lambda it is opened while the app is imported"),
        _line(f"first answer, GET {path}", of.seen["first"], f"status {of.seen['status']}"),
        "",
        _line("each answer from then on", of.seen["next"], ""),
    ]
    return "\n".join(lines)


def _line(what: str, took: float, more: str) -> str:
    return f"{what:<36}{took:8.1f} ms   {more}".rstrip()


def _group(module: str) -> str:
    top = module.partition(".")[0]
    if top == "app":
        return "your app"
    return "Python's library" if top in sys.stdlib_module_names or top.startswith("_") else top
