"""Refuses an update that would overwrite or lose something that Git could not restore."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from kit.update.project import Refused, listed, names, quoted
from renders import Committed, Renders


def require(project: Path, renders: Renders, committed: Committed) -> None:
    """Raise `Refused` for the first obstacle."""
    for check in (folders, files, letter_case, hidden, readable, leftovers, writable):
        check(project, renders, committed)


def folders(project: Path, renders: Renders, committed: Committed) -> None:
    """Refuse a link, a submodule or a file in the place of a folder of the template."""
    for path in sorted({parent for name in renders.paths for parent in parents(name)}):
        there = project / path
        if there.is_symlink():
            target = os.path.relpath(there.resolve(), project)
            raise Refused(
                f"{path} is a symbolic link, and an update writes into this folder.",
                f"rm {quoted([path])} && cp -R {quoted([target])} {quoted([path])} && git add --all && "
                f"git commit --message {shlex.quote(f'Make {path} a folder')}",
            )
        if committed.mode(path) == "160000" or (os.path.lexists(there) and not there.is_dir()):
            kind = "submodule" if there.is_dir() else "file"
            raise Refused(
                f"{path} is a {kind}, and the template brings a folder of this name.", away([path], committed)
            )


def files(project: Path, renders: Renders, committed: Committed) -> None:
    """Refuse to overwrite or remove a file that Git does not track, and so could not restore."""
    paths = [name for name in renders.paths if os.path.lexists(project / name)]
    if lying := [name for name in paths if (project / name).is_dir() and not (project / name).is_symlink()]:
        tracked = any(entry.startswith(f"{lying[0]}/") for entry in names(project, "ls-files", "-z", "--", lying[0]))
        command = moved(lying[0]) if tracked else aside(project, [lying[0]])
        raise Refused(f"{lying[0]} is a folder, and the template brings a file of this name.", command)
    untracked = [name for name in paths if name not in committed]
    theirs = [name for name in untracked if not brought(project / name, name, renders)]
    if theirs:
        many = len(theirs) > 1
        raise Refused(
            f"Git does not track {listed(theirs)}, and the template has {'files' if many else 'a file'} of "
            f"{'these names' if many else 'this name'}, so an update would overwrite what Git cannot restore.",
            aside(project, theirs),
        )


def brought(path: Path, name: str, renders: Renders) -> bool:
    """Whether a file has exactly the contents that a version of the template has."""
    return not path.is_symlink() and path.read_bytes() in (renders.old.get(name), renders.new.get(name))


def letter_case(project: Path, renders: Renders, committed: Committed) -> None:
    """Refuse names that differ from new ones only by case: on macOS and Windows they are the same file."""
    arriving = [name for name in renders.new if name not in committed and name not in renders.old]
    for name in arriving:
        for path in (*parents(name), name):
            folder = (project / path).parent
            there = set(os.listdir(folder)) if folder.is_dir() else set()
            last = Path(path).name
            if last in there:
                continue
            if same := sorted(other for other in there if other.casefold() == last.casefold()):
                existing = (Path(path).parent / same[0]).as_posix()
                raise Refused(
                    f"{existing} and the template's {path} differ only by upper and lower case: on macOS and Windows they "
                    "are the same file.",
                    away([existing], committed)
                    if existing in committed or is_folder(existing, committed)
                    else aside(project, [existing]),
                )


def is_folder(path: str, committed: Committed) -> bool:
    """Whether the last commit has files in this folder."""
    return bool(names(committed.project, "ls-tree", "-z", "--name-only", "HEAD", "--", f"{path}/"))


def hidden(project: Path, renders: Renders, committed: Committed) -> None:
    """Refuse files that Git was told to ignore changes of, since it could not restore them."""
    entries = (entry.partition(" ") for entry in names(project, "ls-files", "-v", "-z"))
    paths = set(renders.paths)
    unseen = [name for tag, _, name in entries if (tag.islower() or tag == "S") and name in paths]
    if unseen:
        here = [name for name in unseen if os.path.lexists(project / name)]
        raise Refused(
            f"Git ignores changes of {listed(unseen)} (assume-unchanged, skip-worktree or a sparse checkout), so it could "
            "not restore what is there.",
            f"git update-index --no-assume-unchanged {quoted(here)} && git update-index --no-skip-worktree {quoted(here)}"
            if here
            else "git sparse-checkout disable",
        )


def readable(project: Path, renders: Renders, committed: Committed) -> None:
    """Refuse a changed file of the template that is not UTF-8, because Copier's merge would lose the change."""
    for name, content in committed.read(renders.paths).items():
        if content in (renders.old.get(name), renders.new.get(name)):
            continue
        commit = f"git commit --message {shlex.quote(f'Convert {name}')} -- {quoted([name])}"
        if b"\0" in content:
            raise Refused(f"{name} is a binary file, and the template has a text file of this name.", moved(name))
        try:
            content.decode()
        except UnicodeDecodeError:
            file, converted = quoted([name]), quoted([f"{name}.utf8"])
            raise Refused(
                f"{name} is not UTF-8, so a merge would lose characters.",
                f"iconv -f ISO-8859-1 -t UTF-8 {file} > {converted} && cat {converted} > {file} && rm {converted} && {commit}",
            ) from None


def leftovers(project: Path, renders: Renders, committed: Committed) -> None:
    """Refuse *.rej files, which Copier would take for its own and remove."""
    entries = names(project, "status", "--porcelain", "--no-renames", "--ignored", "-z", "--", ".")
    top = names(project, "rev-parse", "--show-prefix")
    prefix = top[0] if top else ""
    if rejects := [entry[3:].removeprefix(prefix) for entry in entries if entry.endswith(".rej")]:
        raise Refused(
            f"{listed(rejects)} {'are' if len(rejects) > 1 else 'is'} left from a patch, and an update would take it for its own.",
            aside(project, rejects),
        )


def writable(project: Path, renders: Renders, committed: Committed) -> None:
    """Refuse files and folders that are read-only, because the update would stop half way."""
    closed = set()
    for name in renders.paths:
        path = project / name
        if path.exists() and not os.access(path, os.W_OK):
            closed.add(name)
        folder = next(parent for parent in path.parents if parent.is_dir())
        if not os.access(folder, os.W_OK | os.X_OK):
            closed.add(os.path.relpath(folder, project))
    if closed:
        mine = os.name != "posix" or all((project / name).stat().st_uid == os.getuid() for name in closed)
        command = "chmod -R u+w" if mine else 'sudo chown -R "$(id -u)"'
        raise Refused(
            f"{listed(closed)} can't be written to.",
            f"{command} {quoted(closed)}",
        )


def parents(name: str) -> list[str]:
    """Return the folders that contain a path, outermost first."""
    return [parent.as_posix() for parent in reversed(Path(name).parents) if parent.name]


def away(paths: Iterable[str], committed: Committed) -> str:
    """Return the command that makes room for the template's file: rename what Git tracks, move the rest away."""
    path = next(iter(paths))
    return moved(path) if path in committed or is_folder(path, committed) else aside(committed.project, [path])


def moved(path: str) -> str:
    """Return the command that renames a tracked file."""
    message = shlex.quote(f"Make room for the template's {path}")
    return f"git mv {quoted([path])} {quoted([f'{path}.mine'])} && git commit --message {message}"


def aside(project: Path, paths: Iterable[str]) -> str:
    """Return the command that moves untracked files out of the project, without overwriting any."""
    folder = f"~/{shlex.quote(f'kept-from-{project.name}')}"
    return f"mkdir -p {folder} && mv -n {quoted(paths)} {folder}"
