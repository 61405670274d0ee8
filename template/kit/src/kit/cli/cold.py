"""`python -m kit cold`: where the time of a cold start goes, including your own code's part."""

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

NO_DATABASE = "mysql://nobody@localhost/nothing"
"""For a start that makes no request, and so connects to no database."""


def register(commands: Any) -> None:
    """Add the command."""
    cold = commands.add_parser("cold", help="show where the time of a cold start goes")
    cold.add_argument("--path", default="/", help="the page that is requested first (/)")
    cold.add_argument("--runs", type=int, default=5, help="number of starts, of which the fastest is shown (5)")
    cold.set_defaults(run=run)


class Start(NamedTuple):
    """One cold start; all times are in milliseconds."""

    python: float
    """From the start of the process until it runs our code."""
    measured: dict[str, Any]
    """What `kit.coldstart.profile` has measured."""
    modules: dict[str, float]
    """The import time of each module, without the modules that it imports."""

    def total(self) -> float:
        """Return the time until the end of the first response."""
        responses: float = self.measured.get("connection", 0) + self.measured.get("first", 0)
        return self.python + sum(self.modules.values()) + responses


def run(arguments: argparse.Namespace) -> None:
    """Print the fastest of several starts."""
    starts = []
    for number in range(max(arguments.runs, 1)):
        if sys.stderr.isatty():
            print(f"\rstart {number + 1} of {arguments.runs} …", end="", file=sys.stderr, flush=True)
        starts.append(start(arguments.path))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(report(min(starts, key=Start.total), arguments.path))


def start(path: str | None = None, **environ: str) -> Start:
    """Start the web function in a new process, with these environment variables added to our own.

    Raises `UsageError` if it does not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "profile.json"
        command = [sys.executable, "-X", "importtime", "-m", "kit.coldstart.profile", str(file)]
        environment = os.environ | {"LOG_LEVEL": "error", "AWS_LAMBDA_FUNCTION_NAME": "cold"} | environ
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the image has bytecode, and so has a second start here
        begun = time.time()
        done = subprocess.run(  # noqa: S603
            [*command, path] if path else command, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
            raise UsageError("The web function does not start:\n" + "\n".join(lines[-20:]))
        measured = json.loads(file.read_text())
    modules = _import_times(done.stderr)
    imported = sum(modules.get(module, 0) for module in set(measured["modules"]) - set(measured["client"]))
    # -X importtime does not list modules that `import_module` loads.
    modules[references.WEB_APP.partition(":")[0]] = max(measured["imports"] - imported, 0)
    return Start((measured["begun"] - begun) * 1000, measured, modules)


def loaded() -> set[str]:
    """Return the modules that a cold start has loaded before the first request."""
    return set(start(DATABASE_URL=NO_DATABASE).measured["modules"])


def _import_times(stderr: str) -> dict[str, float]:
    """Parse the output of `-X importtime`: each module's own milliseconds, in the order of loading."""
    lines = re.findall(r"^import time: +(\d+) \| +\d+ \| +([\w.]+)$", stderr, re.MULTILINE)
    return {module: int(microseconds) / 1000 for microseconds, module in lines}


def report(start: Start, path: str) -> str:
    """Return the start as a table, the slowest part first."""
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for module, duration in start.modules.items():
        groups[_group(module)][module] = duration
    lines = [f"A cold start takes {start.total():.0f} ms here, without the time in which AWS loads the image.", ""]
    others: dict[str, float] = {}
    for name, modules in sorted(groups.items(), key=lambda group: -sum(group[1].values())):
        if sum(modules.values()) < 1 and name != "your app":
            others |= modules
            continue
        lines.append(_line(f"import {name}", sum(modules.values()), f"{len(modules)} modules"))
        if name == "your app":
            slowest = sorted(modules.items(), key=lambda module: -module[1])[:5]
            lines += [f"    {module:<32}{duration:8.1f}" for module, duration in slowest]
    lines.append(_line("import all others", sum(others.values()), f"{len(others)} modules"))
    lines.append(_line("Python itself", start.python, ""))
    measured = start.measured
    if "unreachable" in measured:
        lines += ["", f"No first response: the database cannot be reached ({measured['unreachable']})."]
        return "\n".join(lines)
    lines += [
        _line("first connection", measured["connection"], "on Lambda it is opened while the app is imported"),
        _line(f"first response, GET {path}", measured["first"], f"status {measured['status']}"),
        "",
        _line("every later response", measured["next"], ""),
    ]
    return "\n".join(lines)


def _line(name: str, milliseconds: float, note: str) -> str:
    return f"{name:<36}{milliseconds:8.1f} ms   {note}".rstrip()


def _group(module: str) -> str:
    top = module.partition(".")[0]
    if top == "app":
        return "your app"
    return "Python's library" if top in sys.stdlib_module_names or top.startswith("_") else top
