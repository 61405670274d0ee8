"""Rendering the template through copier's own API."""

import hashlib
import json
import warnings
from pathlib import Path

import copier
import yaml
from copier.errors import DirtyLocalWarning

import once

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template"
CONFIG = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
QUESTIONS = {
    name: question
    for name, question in CONFIG.items()
    if not name.startswith("_") and question.get("when") is not False
}

ODD = {
    "project_name": "x1-" * 9 + "abc",
    "project_description": 'Say "hi" \\ & <b>it\'s</b> #1: みんなの壁 🎉 – [x] {y}',
    "aws_region": "ap-northeast-1",
    "planetscale_organization": "0",
    "planetscale_database": "1e3",
}
"""Answers that hold every character that some file format gives a meaning."""

PROGRAMS = {"exec", "kit/propose_update.sh", "uvw"}
"""The generated files that can be run."""


def render(folder: Path, *, template: Path = ROOT, **answers: str) -> Path:
    """Render a template, by default this work tree, as it stands into `folder`, without the tasks; give the folder."""
    assert answers.keys() <= QUESTIONS.keys(), "copier ignores an answer to no question"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DirtyLocalWarning)
        answers = {"project_name": "my-app", **answers}  # which would follow from the folder
        copier.run_copy(str(template), folder, answers, defaults=True, vcs_ref="HEAD", skip_tasks=True, quiet=True)
    return folder


def rendered(iac: str = CONFIG["iac"]["default"], **answers: str) -> Path:
    """Return a new app with these answers, rendered once for all workers and not to be changed."""
    answers = {name: text for name, text in {"iac": iac, **answers}.items() if text != QUESTIONS[name].get("default")}
    key = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()[:12]
    return once.folder(f"app-{key}", lambda folder: render(folder, **answers))
