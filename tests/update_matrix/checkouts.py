"""Ways in which a project was checked out. Each function returns the folder of the project."""

import shutil
from collections.abc import Callable
from pathlib import Path

from releases import git

Checkout = Callable[[Path, Path], Path]


def in_a_repository_of_its_own(source: Path, base: Path) -> Path:
    return source


def cloned(source: Path, base: Path, *options: str) -> Path:
    git(base, "clone", "--quiet", *options, f"file://{source}", "clone")
    return base / "clone"


def shallow(source: Path, base: Path) -> Path:
    return cloned(source, base, "--depth", "1")


def partial(source: Path, base: Path) -> Path:
    git(source, "config", "uploadpack.allowFilter", "true")
    return cloned(source, base, "--filter=blob:none")


def with_crlf(source: Path, base: Path) -> Path:
    return cloned(source, base, "--config", "core.autocrlf=true")


def detached(source: Path, base: Path) -> Path:
    git(source, "checkout", "--quiet", "--detach")
    return source


def linked_worktree(source: Path, base: Path) -> Path:
    git(source, "worktree", "add", "--quiet", "--detach", str(base / "tree"))
    return base / "tree"


def submodule(source: Path, base: Path) -> Path:
    git(base, "init", "--quiet", "parent")
    git(base / "parent", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source), "wall")
    return base / "parent" / "wall"


def monorepo(source: Path, base: Path) -> Path:
    shutil.rmtree(source / ".git")
    (base / "mono" / "apps").mkdir(parents=True)
    source.rename(base / "mono" / "apps" / "wall")
    (base / "mono" / "other").mkdir()
    (base / "mono" / "other" / "file.txt").write_text("another app\n")
    git(base / "mono", "init", "--quiet")
    git(base / "mono", "add", "--all")
    git(base / "mono", "commit", "--quiet", "--message", "All")
    return base / "mono" / "apps" / "wall"


def odd_path(source: Path, base: Path) -> Path:
    (base / "my äpps (old)").mkdir()
    return source.rename(base / "my äpps (old)" / "the wall")


def through_a_link(source: Path, base: Path) -> Path:
    (base / "link").symlink_to(source)
    return base / "link"


def of_sha256(source: Path, base: Path) -> Path:
    shutil.rmtree(source / ".git")
    git(source, "init", "--quiet", "--object-format=sha256")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "--message", "All")
    return source


CHECKOUTS: list[Checkout] = [
    in_a_repository_of_its_own, cloned, shallow, partial, with_crlf, detached, linked_worktree, submodule, monorepo,
    odd_path, through_a_link, of_sha256,
]  # fmt: skip
