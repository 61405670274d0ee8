"""Refuses a folder that is not empty before cookiecutter writes into it.

Without `--overwrite-if-exists` cookiecutter does that itself. With it, or with `--skip-if-file-exists`, it runs this
hook in the existing folder, before it renders any file, and deletes nothing when the hook fails: it removes only a
folder that it has just created (cookiecutter/generate.py, `generate_files`).
"""

import sys
from pathlib import Path

PROJECT = Path.cwd()

if taken := sorted(path.name for path in PROJECT.iterdir() if path.name != ".git"):
    sys.exit(
        f"The folder {PROJECT} is not empty: it has {taken[0]}. Nothing was changed. Choose another project_name, or "
        "another --output-dir. To update a project that exists, run `make update` in it."
    )
