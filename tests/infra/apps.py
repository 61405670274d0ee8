"""Apps to run infrastructure tools in."""

import shutil
from pathlib import Path

import rendering


def render(folder: Path, **answers: str) -> Path:
    """Copy an app with these answers to `folder`, where it may be changed; return the folder."""
    return Path(shutil.copytree(rendering.rendered(**answers), folder, symlinks=True))
