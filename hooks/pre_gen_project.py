"""Refuses Windows, and a folder that is not empty, before cookiecutter writes into it.

Without `--overwrite-if-exists` cookiecutter does that itself. With it, or with `--skip-if-file-exists`, it runs this
hook in the existing folder, before it renders any file, and deletes nothing when the hook fails: it removes only a
folder that it has just created (cookiecutter/generate.py, `generate_files`).
"""

import os
import sys
from pathlib import Path

if os.name == "nt":
    sys.exit(
        "The project needs Linux or macOS. On Windows, use WSL2: type `wsl --install` in PowerShell and restart; then open "
        "Ubuntu and generate the project in its own home folder, not below /mnt/c."
    )

PROJECT = Path.cwd()

if taken := sorted(path.name for path in PROJECT.iterdir() if path.name != ".git"):
    print(
        f"The folder {PROJECT} is not empty: it has {taken[0]}. Nothing was changed. Choose another project_name, or "
        "another --output-dir. To update a project that exists, run `make update` in it.",
        file=sys.stderr,
    )
    template: str = {{cookiecutter._repo_dir | tojson}}  # type: ignore  # noqa: F821  (a path that cookiecutter fills in)
    sys.path.insert(0, str(Path(os.environ.get("PWD", "")) / template / "hooks"))
    from parent import interrupt_parent

    interrupt_parent()
    sys.exit(1)
