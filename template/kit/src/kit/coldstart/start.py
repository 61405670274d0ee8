"""Cold starts of the web function in new processes, measured by `kit.coldstart.profile`."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from kit import references
from kit.errors import UsageError

NO_DATABASE = "mysql://nobody@localhost/nothing"
"""For a start that makes no request, and so connects to no database."""


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
