"""The second door: what cookiecutter has asked is handed to copier, so that the project can be updated by it.

Cookiecutter renders this file and runs it in the new folder, which holds nothing but a stub.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

ASKED = json.loads({{cookiecutter | jsonify | tojson}})  # type: ignore  # noqa: F821  (its answers)
TEMPLATE = Path(ASKED["_repo_dir"]).resolve()
PROJECT = Path.cwd()


def main() -> int:
    """Let copier make the project; give its exit code."""
    code = subprocess.run([*copier(), *arguments()], check=False).returncode  # noqa: S603
    if code and (PROJECT / ".copier-answers.yml").is_file() and os.name == "posix":
        sys.path.insert(0, str(TEMPLATE / "hooks"))
        from check import keep_what_was_made

        keep_what_was_made()
    return code


def copier() -> list[str]:
    """Copier beside cookiecutter, where it is installed; else the template's own uv fetches it."""
    if importlib.util.find_spec("copier"):
        return [sys.executable, "-m", "copier"]
    return [sys.executable, str(TEMPLATE / "template" / "uvw"), "tool", "run", "copier"]


def arguments() -> list[str]:
    """What `copier copy` is called with: the same template at the same place, and the same answers."""
    source, *version = (ASKED["_template"], ASKED.get("_checkout")) if is_remote() else (str(TEMPLATE), "HEAD")
    chosen = ["--vcs-ref", version[0]] if version[0] else []
    skipped = [] if ASKED["_checks"] == "yes" else ["--skip-tasks"]
    answers = [f"--data={name}={answer}" for name, answer in ASKED.items() if not name.startswith("_")]
    return ["copy", "--trust", "--no-cleanup", *chosen, *skipped, *answers, source, str(PROJECT)]


def is_remote() -> bool:
    """Whether the template came from a repository that an update can ask again."""
    return not Path(ASKED["_template"]).expanduser().exists()


if __name__ == "__main__":
    for stub in PROJECT.iterdir():
        stub.unlink()
    sys.exit(main())
