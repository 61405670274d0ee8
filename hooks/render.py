"""Checks that the project is rendered completely: no template syntax is left, and every file parses."""

import ast
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import yaml

from report import Failed, Skipped

ANSWERS = ".copier-answers.yml"
NOT_OURS = {".git", ".venv", "data", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def files(project: Path, only: Collection[str] | None = None) -> Iterator[tuple[str, Path]]:
    """Yield each generated file, or those that `only` names, as (path in the project, path)."""
    for folder, folders, names in os.walk(project):
        folders[:] = sorted(set(folders) - NOT_OURS)
        for name in sorted(names):
            path = Path(folder, name)
            inside = path.relative_to(project).as_posix()
            if only is None or inside in only:
                yield inside, path


def no_marker_is_left(project: Path, only: Collection[str] | None = None) -> str:
    """Find names of questions between braces, and names that only templates have."""
    answers = yaml.safe_load((project / ANSWERS).read_text(encoding="utf-8"))
    names = "|".join(re.escape(name) for name in answers if not name.startswith("_"))
    marker = re.compile(r"\{[{%][^{}]*\b(" + names + r"|_copier_\w+|cookiecutter)\b")
    markers, count = [], 0
    for name, path in files(project, only):
        count += 1
        if name.endswith(".jinja") or "{{" in name or "{%" in name:
            markers.append(f"{name}: the name itself")
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if marker.search(line):
                markers.append(f"{name}:{number}: {line.strip()}")
    if markers:
        raise Failed(f"{len(markers)} left", output="\n".join(markers))
    return f"{count} files"


class _WithTags(yaml.SafeLoader):
    """Reads CloudFormation's tags, such as !Ref, too."""


_WithTags.add_multi_constructor("!", lambda loader, tag, node: None)


def files_parse(project: Path, only: Collection[str] | None = None) -> str:
    """Read every Python, TOML, JSON and YAML file with its own parser."""
    if sys.version_info < (3, 11):  # noqa: UP036  (copier runs this with its own Python, from 3.10 on)
        raise Skipped(
            f"the files are for Python 3.11 or later, which uv brings; copier runs on 3.{sys.version_info[1]}"
        )
    import tomllib

    parsers: dict[str, Callable[[str], object]] = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".yml": lambda text: list(yaml.safe_load_all(text)),
        ".yaml": lambda text: list(yaml.load_all(text, _WithTags)),
    }
    counts: Counter[str] = Counter()
    broken = []
    for name, path in files(project, only):
        if parse := parsers.get(path.suffix):
            counts[path.suffix.removeprefix(".")] += 1
            try:
                parse(path.read_text(encoding="utf-8"))
            except (SyntaxError, ValueError, yaml.YAMLError) as error:
                broken.append(f"{name}: {error}")
    if broken:
        raise Failed(f"{len(broken)} broken", output="\n".join(broken))
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def scripts_can_be_run(project: Path, only: Collection[str] | None = None) -> str:
    """Check that exactly the files that begin with `#!` are executable, where the file system has modes."""
    modes = has_modes(project)
    if not modes and not os.access(project / "uvw", os.X_OK):
        raise Failed(
            "this file system runs no programs",
            output=f"Every file in {project} is without the permission to execute it. Use another folder, or mount the file "
            "system with that permission.",
        )
    if not modes:
        return "this file system has no modes"
    wrong, scripts = [], 0
    for name, path in files(project, only):
        script = path.read_bytes()[:2] == b"#!"
        scripts += script
        if script != os.access(path, os.X_OK):
            wrong.append(f"{name}: {'begins with #! but is not' if script else 'is'} executable")
    if wrong:
        raise Failed(f"{len(wrong)} wrong", output="\n".join(wrong))
    return f"{scripts} script{'s' * (scripts != 1)}"


def scripts(project: Path, only: Collection[str] | None = None) -> list[str]:
    """Return the generated files that begin with `#!`, or those of them that `only` names."""
    return [name for name, path in files(project, only) if path.read_bytes()[:2] == b"#!"]


def has_modes(folder: Path) -> bool:
    """Whether a file in this folder is executable exactly when it was made so: not on DrvFs, exFAT and SMB."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".modes.") as file:
        kept = []
        for mode in (0o700, 0o600):
            os.chmod(file.name, mode)
            kept.append(os.stat(file.name).st_mode & 0o100 == mode & 0o100)
    return all(kept)


CHECKS = [
    ("everything is rendered", no_marker_is_left),
    ("files parse", files_parse),
    ("scripts can be run", scripts_can_be_run),
]
