"""The second door: what cookiecutter has asked is handed to copier, so that the project can be updated by it.

Cookiecutter renders this file and runs it in the project's folder. pre_gen_project.py has refused a folder with files
in it, so there is only the stub; copier refuses once more if that changed meanwhile.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ASKED = json.loads({{cookiecutter | jsonify | tojson}})  # type: ignore  # noqa: F821  (its answers)
CALLED_FROM = Path(os.environ.get("PWD", ""))
TEMPLATE = (CALLED_FROM / ASKED["_repo_dir"]).resolve()
PROJECT = Path.cwd()
STUB = PROJECT / "NOT_GENERATED.md"
"""The one file that cookiecutter itself writes."""


def main() -> int:
    """Let copier make the project; give its exit code."""
    if not (TEMPLATE / "hooks" / "hand_over.py").is_file():
        sys.exit(f"The template is not at {TEMPLATE}. Name its folder by a path that begins at the root.")
    call = [*python_with_copier(), str(TEMPLATE / "hooks" / "hand_over.py"), json.dumps(handed_over())]
    code = subprocess.run(call, check=False).returncode  # noqa: S603
    if code and (PROJECT / ".copier-answers.yml").is_file() and os.name == "posix":
        sys.path.insert(0, str(TEMPLATE / "hooks"))
        from check import keep_what_was_made

        keep_what_was_made()
    return code


def handed_over() -> dict[str, object]:
    """The same template at the same place, where an update can ask for it again, and the same answers."""
    here = (CALLED_FROM / ASKED["_template"]).expanduser().exists()
    return {
        "source": str(TEMPLATE) if here else ASKED["_template"],
        "version": "HEAD" if here else ASKED.get("_checkout") or None,
        "answers": {name: answer for name, answer in ASKED.items() if not name.startswith("_")},
        "checks": ASKED["_checks"] == "yes",
    }


def python_with_copier() -> list[str]:
    """This Python, where copier is beside cookiecutter; else what uv or pipx brings; uv is fetched if need be."""
    if importlib.util.find_spec("copier"):
        return [sys.executable]
    if shutil.which("pipx") and not shutil.which("uv"):
        return ["pipx", "run"]
    return [sys.executable, str(TEMPLATE / "template" / "uvw"), "run", "--quiet", "--script"]


if __name__ == "__main__":
    STUB.unlink(missing_ok=True)
    sys.exit(main())
