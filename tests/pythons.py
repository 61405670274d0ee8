"""The Pythons of this machine, whatever is first on the PATH: on the PATH by version, pyenv's, and uv's own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def pythons(minor: int) -> Iterator[str]:
    """Yield the paths of interpreters that are Python 3.`minor`."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    uv = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "uv" / "python"
    candidates = [
        *filter(None, [shutil.which(f"python3.{minor}")]),
        *sorted(map(str, pyenv.glob(f"versions/3.{minor}.*/bin/python3"))),
        *sorted(map(str, uv.glob(f"cpython-3.{minor}.*/bin/python3"))),
    ]
    for path in candidates:
        code = "import sys; print(*sys.version_info[:2])"
        process = subprocess.run([path, "-c", code], capture_output=True, text=True)
        if process.stdout.split() == ["3", str(minor)]:
            yield path
