"""The version that a project records as the one it was made from: always one that its template has."""

import re
from pathlib import Path

import yaml

from report import command

ANSWERS = ".copier-answers.yml"


def record(project: Path) -> str:
    """Let `_commit` name a commit that exists; give it, with a remark when it was corrected.

    Of a template with uncommitted changes Copier makes a temporary commit, and records its name. No update could start
    from that one, so the last commit takes its place. The changes count as the user's from then on.
    """
    file = project / ANSWERS
    answers = yaml.safe_load(file.read_text(encoding="utf-8"))
    version, source = str(answers["_commit"]), Path(str(answers["_src_path"])).expanduser()
    if not source.is_dir():  # an address: Copier takes nothing from there but commits
        return version
    missing, _ = command(["git", "rev-parse", "--verify", "--quiet", f"{version}^{{commit}}"], source)
    failed, described = command(["git", "describe", "--tags", "--always", "HEAD"], source)
    if failed or not missing:
        return version
    existing = described.strip()
    text = re.sub(r"^_commit: .*$", f"_commit: {existing}", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")
    return f"{existing}; the template's uncommitted changes are in the project, and in no version"
