"""Records the version of the template that a project was generated from."""

import re
from pathlib import Path

import yaml

from report import command

ANSWERS = ".copier-answers.yml"


def record(project: Path) -> str:
    """Make `_commit` name a commit that exists; return it, with a remark if it was corrected.

    From a template with uncommitted changes, Copier makes a temporary commit and records that one. No update could start
    from it, so this records the last real commit instead. The changes then count as the user's.
    """
    file = project / ANSWERS
    answers = yaml.safe_load(file.read_text(encoding="utf-8"))
    version, source = str(answers["_commit"]), Path(str(answers["_src_path"])).expanduser()
    if not source.is_dir():  # a remote repository, from which Copier only uses real commits
        return version
    missing, _ = command(["git", "rev-parse", "--verify", "--quiet", f"{version}^{{commit}}"], source)
    failed, described = command(["git", "describe", "--tags", "--always", "HEAD"], source)
    if failed or not missing:
        return version
    existing = described.strip()
    text = re.sub(r"^_commit: .*$", f"_commit: {existing}", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")
    return f"{existing}; the template's uncommitted changes are in the project, and in no version"
