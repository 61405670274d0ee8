"""Apps to run infrastructure tools in: an app with the same answers is rendered once for all workers, and copied."""

import hashlib
import json
import shutil
from pathlib import Path

import once
import rendering


def render(folder: Path, **answers: str) -> Path:
    """Copy an app with these answers to `folder`, where it may be changed; return the folder."""
    answers = {"project_name": "my-app", "aws_region": rendering.QUESTIONS["aws_region"]["default"]} | answers
    key = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()[:12]
    rendered = once.folder(f"app-{key}", lambda path: rendering.render(path, **answers))
    return Path(shutil.copytree(rendered, folder, symlinks=True))
