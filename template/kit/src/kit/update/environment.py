"""The environment in which Copier calls Git: options that change Git's output are reset.

Copier reads the output of about 20 Git commands, and applies a patch with another. Options that change that output, or
let a command do more than it says, are set in the environment, which takes precedence over every configuration file
(https://git-scm.com/docs/git-config#ENVIRONMENT). What is needed to reach a template stays: credentials, proxies,
`url.*.insteadOf`, `safe.directory`.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERYWHERE = {
    # Copier looks for rejected hunks in `git status`; "no" would hide them, "all" would list every file of .venv.
    "status.showUntrackedFiles": "normal",
    # Copier undoes Git's quoting of names, which other values leave out or change.
    "core.quotePath": "true",
    "color.ui": "never",
    "color.diff": "never",
    "color.grep": "never",
    "color.status": "never",
    "grep.fullName": "false",
    # What the patch looks like, and that applying it changes no white space in the user's lines.
    "diff.noPrefix": "false",
    "diff.mnemonicPrefix": "false",
    "diff.orderFile": os.devnull,
    "diff.renames": "true",
    "diff.suppressBlankEmpty": "false",
    "apply.whitespace": "nowarn",
    "apply.ignoreWhitespace": "no",
    # "true" makes `git add` refuse files with mixed line endings.
    "core.safecrlf": "false",
    # The user's programs that Git would start.
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "init.templateDir": "",
    "commit.gpgSign": "false",
    "submodule.recurse": "false",
    # Names that end up in the answers file, or that Copier expects.
    "core.abbrev": "auto",
    "clone.defaultRemoteName": "origin",
}
"""Options for every repository that Copier touches, the project's among them."""

IN_COPIES = {
    "core.excludesFile": os.devnull,
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fileMode": "true",
}
"""Options for Copier's own temporary repositories alone: they hold the template's files, byte for byte."""

NOT_INHERITED = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_TEMPLATE_DIR",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "LANGUAGE",
)
"""Variables that lead Git to another repository, as those of a Git hook do, or change what a command means."""


@contextmanager
def git_environment() -> Iterator[None]:
    """Set this process's environment, and the folder of its temporary files; they are restored afterwards.

    Copier must be imported inside: it copies the environment when it is imported.
    """
    before, directory = dict(os.environ), tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="update.", ignore_cleanup_errors=True) as folder:
        try:
            _configure(Path(folder).resolve())
            yield
        finally:
            tempfile.tempdir = directory
            os.environ.clear()
            os.environ.update(before)


def _configure(folder: Path) -> None:
    """Change the environment so that temporary files go to `folder`, and repositories there have options of their own."""
    for name in NOT_INHERITED:
        os.environ.pop(name, None)
    copies = folder / "gitconfig"
    for name, value in IN_COPIES.items():
        command = ["git", "config", "--file", str(copies), name, value]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    options = EVERYWHERE | {f"includeIf.gitdir:{folder.as_posix()}/.path": copies.as_posix()}
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    for number, (name, value) in enumerate(options.items(), count):
        os.environ[f"GIT_CONFIG_KEY_{number}"] = name
        os.environ[f"GIT_CONFIG_VALUE_{number}"] = value
    os.environ["GIT_CONFIG_COUNT"] = str(count + len(options))
    os.environ["GIT_DEFAULT_HASH"] = _object_format()  # Copier's repositories borrow objects from the project's
    # Messages in English, which this program reads; a pager has nothing to show.
    os.environ.update(LC_ALL="C", GIT_PAGER="cat", GIT_OPTIONAL_LOCKS="0", TMPDIR=str(folder))
    tempfile.tempdir = str(folder)


def _object_format() -> str:
    """Return the hash function of the repository in this folder; Git's default where there is none."""
    command = ["git", "rev-parse", "--show-object-format"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return process.stdout.strip() or "sha1"
