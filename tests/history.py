"""A history of the template that tests update through: a scratch repository with a tag for each version.

What was released is in it, by the record and the tags. Before there is much of that, states that this repository
went through stand for versions, and one that is made from the newest by taking something away.
"""

import io
import re
import subprocess
import tarfile
from pathlib import Path

import release
from releases import commit, git
from rendering import ROOT
from work_tree import copy_work_tree

NEWEST = "v1000.0.0"
"""This work tree as it stands."""

CONSTRUCTED = "v0.0.9"
"""The newest with less in it: a question, a module, lines here and there; and with what has gone since."""

STATES: dict[str, str] = {}
"""Commits that stand for versions until there are releases. None yet: apps of earlier layouts cannot be updated."""


def recorded() -> dict[str, str]:
    """The released versions with their commits, of the record and of the tags."""
    form = "--format=%(refname:short) %(objectname) %(*objectname)"
    tags = git(ROOT, "for-each-ref", "--merged=HEAD", form, "refs/tags/v*")
    named = (line.split() for line in tags.splitlines())
    return {f"v{version}": sha for version, sha in release.recorded(ROOT).items()} | {
        name: shas[-1] for name, *shas in named
    }


def versions() -> list[str]:
    """Every earlier version that this clone can give, oldest first."""
    return [name for name, sha in (STATES | recorded()).items() if known(sha)] + [CONSTRUCTED]


def known(sha: str) -> bool:
    """Whether this clone has the commit; a shallow one has only the last."""
    call = ["git", "cat-file", "-e", f"{sha}^{{commit}}"]
    return subprocess.run(call, cwd=ROOT, capture_output=True).returncode == 0


def make(folder: Path, *, small: bool = False) -> Path:
    """Make the scratch repository, every version tagged; give its folder.

    small: only the two that are made from the newest one, with few of its files.
    """
    git(folder.parent, "init", "--quiet", folder.name)
    commits = STATES | recorded()
    for version in [CONSTRUCTED] if small else versions():
        clear(folder)
        if version == CONSTRUCTED:
            copy_work_tree(folder, small=small)
            take_away(folder)
        else:
            archive = subprocess.run(["git", "archive", commits[version]], cwd=ROOT, check=True, capture_output=True)
            with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
                files.extractall(folder, filter="tar")
        commit(folder, version)
    clear(folder)
    copy_work_tree(folder, small=small)
    commit(folder, NEWEST)
    return folder


def clear(folder: Path) -> None:
    """Remove every file but git's own."""
    git(folder, "rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".")


def take_away(folder: Path) -> None:
    """Make an older version of the newest one; fails when there is no longer anything to take away."""
    template = folder / "template"

    def without(name: str, pattern: str, instead: str = "") -> None:
        path = folder / name
        text, times = re.subn(pattern, instead, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert times, f"{name} has no {pattern}"
        path.write_text(text, encoding="utf-8")

    # A question less: what it decides now was always what its default says.
    without("copier.yml", r"^planetscale_database:\n(?:  .*\n|\n)+")
    for path in template.rglob("*.jinja"):
        path.write_text(path.read_text(encoding="utf-8").replace("planetscale_database", "project_name"), "utf-8")
    # Lines less, in files that users change too.
    without("template/Makefile", r"^migration: .*\n(?:\t.*\n)+\n")
    without("template/Dockerfile", r" DATABASE_LIMITS=warn")
    without("template/.gitignore", r"^data/\n")
    without("template/.github/workflows/README.md", r"\A# .*", "# Older pipelines")
    without("template/pyproject.toml.jinja", r'^    "ruff[^"]*",\n')
    without("template/kit/src/kit/web/middleware.py", r'\A"""', '"""Older. ')
    # Less in the user's folders, which no update brings.
    without("template/app/web.py", r'^""".*', '"""An older web app."""')
    without("template/README.md.jinja", r"^This README is yours.*\n")
    (template / "tests" / "test_jobs.py").unlink()
    # A module less, and files that have gone since.
    (template / "kit/src/kit/db/bulk.py").unlink()
    (template / "kit/src/kit/gone.py").write_text('"""Of an older version."""\n')
    for own in (template / "infra").glob("*/own.*"):
        own.unlink()
    for tool in ("cdk", "sam", "terraform"):
        (template / "infra" / tool / "gone.txt").write_text("Of an older version.\n")
        without(f"template/infra/{tool}/README.md", r"\A.*", "# Older")
