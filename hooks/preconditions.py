"""Refuses an update that would overwrite or lose something for good, and names it."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from kit.update.project import Refused, listed, names, quoted
from renders import Committed, Renders


def require(project: Path, renders: Renders, committed: Committed) -> None:
    """Raise `Refused` for the first obstacle to an update."""
    for check in (folders, files, letter_case, hidden, readable, leftovers, writable):
        check(project, renders, committed)


def folders(project: Path, renders: Renders, committed: Committed) -> None:
    """A folder that the template writes into is a link, a submodule or a file."""
    for path in sorted({parent for name in renders.paths for parent in parents(name)}):
        existing = project / path
        if existing.is_symlink():
            target = os.path.relpath(existing.resolve(), project)
            raise Refused(
                f"{path} is a symbolic link, and an update writes into this folder.",
                f"rm {quoted([path])} && cp -R {quoted([target])} {quoted([path])} && git add --all && "
                f"git commit --message {shlex.quote(f'Make {path} a folder')}",
            )
        if committed.mode(path) == "160000" or (os.path.lexists(existing) and not existing.is_dir()):
            kind = "submodule" if existing.is_dir() else "file"
            raise Refused(
                f"{path} is a {kind}, and the template brings a folder of this name.", away([path], committed)
            )


def files(project: Path, renders: Renders, committed: Committed) -> None:
    """A file that Git does not track, and so cannot bring back, would be overwritten or removed."""
    paths = [name for name in renders.paths if os.path.lexists(project / name)]
    if blocking := [name for name in paths if (project / name).is_dir() and not (project / name).is_symlink()]:
        tracked = any(
            entry.startswith(f"{blocking[0]}/") for entry in names(project, "ls-files", "-z", "--", blocking[0])
        )
        command = moved(blocking[0]) if tracked else aside(project, [blocking[0]])
        raise Refused(f"{blocking[0]} is a folder, and the template brings a file of this name.", command)
    untracked = [name for name in paths if name not in committed]
    users_files = [name for name in untracked if not brought(project / name, name, renders)]
    if users_files:
        many = len(users_files) > 1
        raise Refused(
            f"Git does not track {listed(users_files)}, and the template has {'files' if many else 'a file'} of "
            f"{'these names' if many else 'this name'}: its contents could not be restored.",
            aside(project, users_files),
        )


def brought(path: Path, name: str, renders: Renders) -> bool:
    """Whether a file is just what a version of the template brings."""
    return not path.is_symlink() and path.read_bytes() in (renders.old.get(name), renders.new.get(name))


def letter_case(project: Path, renders: Renders, committed: Committed) -> None:
    """A name differs from a new one by case alone: on macOS and Windows both are the same file."""
    arriving = [name for name in renders.new if name not in committed and name not in renders.old]
    for name in arriving:
        for path in (*parents(name), name):
            folder = (project / path).parent
            existing = set(os.listdir(folder)) if folder.is_dir() else set()
            last = Path(path).name
            if last in existing:
                continue
            if same := sorted(other for other in existing if other.casefold() == last.casefold()):
                conflicting = (Path(path).parent / same[0]).as_posix()
                raise Refused(
                    f"{conflicting} and the template's {path} differ only by upper and lower case: on macOS and Windows they "
                    "are the same file.",
                    away([conflicting], committed)
                    if conflicting in committed or is_folder(conflicting, committed)
                    else aside(project, [conflicting]),
                )


def is_folder(path: str, committed: Committed) -> bool:
    """Whether the last commit has files in this folder."""
    return bool(names(committed.project, "ls-tree", "-z", "--name-only", "HEAD", "--", f"{path}/"))


def hidden(project: Path, renders: Renders, committed: Committed) -> None:
    """Git was told to ignore changes of a file, so it could not restore its contents."""
    entries = (entry.partition(" ") for entry in names(project, "ls-files", "-v", "-z"))
    paths = set(renders.paths)
    hidden_files = [name for tag, _, name in entries if (tag.islower() or tag == "S") and name in paths]
    if hidden_files:
        existing = [name for name in hidden_files if os.path.lexists(project / name)]
        raise Refused(
            f"Git ignores changes of {listed(hidden_files)} (assume-unchanged, skip-worktree or a sparse checkout), so it could "
            "not restore their contents.",
            f"git update-index --no-assume-unchanged {quoted(existing)} && git update-index --no-skip-worktree {quoted(existing)}"
            if existing
            else "git sparse-checkout disable",
        )


def readable(project: Path, renders: Renders, committed: Committed) -> None:
    """A file of the template's is no longer UTF-8: Copier's merge would damage it."""
    for name, content in committed.read(renders.paths).items():
        if content in (renders.old.get(name), renders.new.get(name)):
            continue
        commit = f"git commit --message {shlex.quote(f'Convert {name}')} -- {quoted([name])}"
        if b"\0" in content:
            raise Refused(
                f"{name} is no longer a text file, and the template has a text file of this name.", moved(name)
            )
        try:
            content.decode()
        except UnicodeDecodeError:
            file, converted = quoted([name]), quoted([f"{name}.utf8"])
            raise Refused(
                f"{name} is not UTF-8, and a merge would lose the characters outside UTF-8.",
                f"iconv -f ISO-8859-1 -t UTF-8 {file} > {converted} && cat {converted} > {file} && rm {converted} && {commit}",
            ) from None


def leftovers(project: Path, renders: Renders, committed: Committed) -> None:
    """There is a *.rej file, which Copier would mistake for its own and remove."""
    entries = names(project, "status", "--porcelain", "--no-renames", "--ignored", "-z", "--", ".")
    top = names(project, "rev-parse", "--show-prefix")
    prefix = top[0] if top else ""
    if rejects := [entry[3:].removeprefix(prefix) for entry in entries if entry.endswith(".rej")]:
        raise Refused(
            f"{listed(rejects)} {'are' if len(rejects) > 1 else 'is'} left from a patch, and an update would overwrite it.",
            aside(project, rejects),
        )


def writable(project: Path, renders: Renders, committed: Committed) -> None:
    """A file or folder is not writable: the update would stop halfway."""
    read_only = set()
    for name in renders.paths:
        path = project / name
        if path.exists() and not os.access(path, os.W_OK):
            read_only.add(name)
        folder = next(parent for parent in path.parents if parent.is_dir())
        if not os.access(folder, os.W_OK | os.X_OK):
            read_only.add(os.path.relpath(folder, project))
    if read_only:
        mine = os.name != "posix" or all((project / name).stat().st_uid == os.getuid() for name in read_only)
        command = "chmod -R u+w" if mine else 'sudo chown -R "$(id -u)"'
        raise Refused(
            f"{listed(read_only)} {'are' if len(read_only) > 1 else 'is'} not writable.",
            f"{command} {quoted(read_only)}",
        )


def parents(name: str) -> list[str]:
    """Return the folders that a path leads through, the outermost first."""
    return [parent.as_posix() for parent in reversed(Path(name).parents) if parent.name]


def away(paths: Iterable[str], committed: Committed) -> str:
    """Return the command that makes room for the template's file: Git keeps what it tracks, the rest goes aside."""
    path = next(iter(paths))
    return moved(path) if path in committed or is_folder(path, committed) else aside(committed.project, [path])


def moved(path: str) -> str:
    """Return the command that gives a tracked file another name."""
    message = shlex.quote(f"Make room for the template's {path}")
    return f"git mv {quoted([path])} {quoted([f'{path}.mine'])} && git commit --message {message}"


def aside(project: Path, paths: Iterable[str]) -> str:
    """Return the command that puts untracked files where no update comes, and overwrites nothing there."""
    folder = f"~/{shlex.quote(f'kept-from-{project.name}')}"
    return f"mkdir -p {folder} && mv -n {quoted(paths)} {folder}"
