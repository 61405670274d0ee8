"""Replace the programs that a Makefile's recipes call by one that only records its arguments."""

import json
import os
import subprocess
import sys
from pathlib import Path

RECORDER = """\
#!{python} -S
import json, os, sys
with open({file!r}, "a") as file:
    file.write(json.dumps([[os.path.basename(sys.argv[0]), *sys.argv[1:]], os.environ.get("AWS_REGION")]) + "\\n")
"""


def with_recorders(folder: Path) -> Path:
    """Replace the programs that the recipes in a folder call."""
    recorder = RECORDER.format(python=sys.executable, file=str(folder.parent / "calls"))
    programs = folder.parent / "bin"
    programs.mkdir()
    for path in (folder / "uvw", *(programs / name for name in ("docker", "npx", "terraform"))):
        path.write_text(recorder)
        path.chmod(0o755)
    return folder


def make(folder: Path, *words: str, **environ: str) -> list[tuple[list[str], str]]:
    """Run make; return the arguments and AWS_REGION of each program that it called."""
    calls = folder.parent / "calls"
    calls.write_text("")
    clean = {name: value for name, value in os.environ.items() if name not in {"AWS_REGION", "CI"}}
    path = f"{folder.parent / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["make", *words], cwd=folder, env=clean | {"PATH": path} | environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [(arguments, region) for arguments, region in map(json.loads, calls.read_text().splitlines())]
