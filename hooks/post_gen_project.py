"""Cookiecutter support: hands cookiecutter's answers to copier, so that copier can update the project later.

Cookiecutter renders this file and runs it in the project's folder. pre_gen_project.py has refused a folder that is not
empty, so it has only the stub; copier refuses too if that has changed since.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ASKED = json.loads({{cookiecutter | jsonify | tojson}})  # type: ignore  # noqa: F821  (its answers)
CALLED_FROM = Path(os.environ.get("PWD", ""))
TEMPLATE = (CALLED_FROM / ASKED["_repo_dir"]).resolve()
PROJECT = Path.cwd()
STUB = PROJECT / "NOT_GENERATED.md"
"""The only file that cookiecutter itself writes."""


def main() -> int:
    """Generate the project with copier; return its exit code."""
    if not (TEMPLATE / "hooks" / "hand_over.py").is_file():
        sys.exit(f"The template is not at {TEMPLATE}. Use an absolute path.")
    call = [*python_with_copier(), str(TEMPLATE / "hooks" / "hand_over.py"), json.dumps(handed_over())]
    code = subprocess.run(call, check=False).returncode  # noqa: S603
    made_here = (CALLED_FROM / ASKED.get("_output_dir", PROJECT.parent)).resolve() != PROJECT  # not with `.` as a name
    if code and made_here:
        sys.path.insert(0, str(TEMPLATE / "hooks"))
        from parent import interrupt_parent

        with suppress(OSError):  # unless something was generated, which is kept
            PROJECT.rmdir()
        interrupt_parent()
    return code


def handed_over() -> dict[str, object]:
    """Return what hand_over.py needs: the template's address, which later updates use too, and the answers."""
    here = (CALLED_FROM / ASKED["_template"]).expanduser().exists()
    return {
        "source": str(TEMPLATE) if here else ASKED["_template"],
        "version": "HEAD" if here else ASKED.get("_checkout") or None,
        "answers": {name: answer for name, answer in ASKED.items() if not name.startswith("_")},
        "checks": ASKED["_checks"] == "yes",
    }


def python_with_copier() -> list[str]:
    """Return a command that runs Python with copier: this Python, or else uv or pipx; uv is downloaded if necessary."""
    if importlib.util.find_spec("copier"):
        return [sys.executable]
    if shutil.which("pipx") and not shutil.which("uv"):
        return ["pipx", "run"]
    return [sys.executable, str(TEMPLATE / "template" / "uvw"), "run", "--quiet", "--script"]


if __name__ == "__main__":
    STUB.unlink(missing_ok=True)
    sys.exit(main())
