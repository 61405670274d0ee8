"""`python -m kit cold`: where the time of a cold start goes, including your own code's part."""

import argparse
import sys
from collections import defaultdict
from typing import Any

from kit.coldstart.start import Start, start


def register(commands: Any) -> None:
    """Add the command."""
    cold = commands.add_parser("cold", help="show where the time of a cold start goes")
    cold.add_argument("--path", default="/", help="the page that is requested first (/)")
    cold.add_argument("--runs", type=int, default=5, help="number of starts, of which the fastest is shown (5)")
    cold.set_defaults(run=run)


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
