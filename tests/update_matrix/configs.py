"""Git configurations of users."""

import os
import subprocess
from pathlib import Path

import workflows
from rendering import TEMPLATE

FAILING_HOOKS = ("pre-commit", "commit-msg", "prepare-commit-msg", "post-checkout", "post-commit")
CONFIGS: list[dict[str, str]] = [
    {},
    {"status.showUntrackedFiles": "no"},
    {"status.showUntrackedFiles": "all"},
    {"color.ui": "always", "color.status": "always", "color.diff": "always", "color.grep": "always"},
    {"core.pager": "false", "pager.diff": "false", "pager.status": "true", "pager.ls-files": "true"},
    {"core.quotePath": "false"},
    {"alias.status": "!false", "alias.diff-tree": "!false", "alias.apply": "!false"},
    {"core.hooksPath": "HOOKS"},
    {"init.templateDir": "TEMPLATE_DIR", "init.defaultBranch": "trunk"},
    {"core.autocrlf": "true"},
    {"core.autocrlf": "input", "core.safecrlf": "true"},
    {"core.autocrlf": "true", "core.safecrlf": "true"},
    {"core.eol": "crlf"},
    {"diff.noprefix": "true"},
    {"diff.mnemonicPrefix": "true", "diff.renames": "copies", "diff.algorithm": "patience"},
    {"diff.external": "false", "diff.orderFile": "ORDER", "diff.interHunkContext": "9"},
    {"diff.suppressBlankEmpty": "true", "diff.context": "0"},
    {"apply.whitespace": "fix"},
    {"apply.whitespace": "error-all", "core.whitespace": "trailing-space,tab-in-indent"},
    {"apply.ignoreWhitespace": "change"},
    {"merge.conflictStyle": "diff3"},
    {"merge.conflictStyle": "zdiff3"},
    {"core.excludesFile": "EXCLUDES"},
    {"core.attributesFile": "ATTRIBUTES"},
    {"commit.gpgSign": "true", "gpg.program": "false", "tag.gpgSign": "true"},
    {"core.fsmonitor": "false-monitor", "core.untrackedCache": "true"},
    {"core.abbrev": "4", "clone.defaultRemoteName": "upstream"},
    {"core.fileMode": "false"},
    {"grep.fullName": "true", "column.ui": "always", "log.showSignature": "true", "format.pretty": "raw"},
    {"submodule.recurse": "true", "index.version": "4", "core.splitIndex": "true"},
    {"environment.LANG": "de_DE.UTF-8", "environment.LANGUAGE": "de"},
    {"environment.GIT_DEFAULT_HASH": "sha256", "environment.GIT_PREFIX": "app/"},
    {"environment.GIT_DIFF_OPTS": "--unified=0", "environment.GIT_EXTERNAL_DIFF": "false"},
]
"""Options of a global configuration; `environment.` stands for a variable."""


def environment(options: dict[str, str], folder: Path) -> dict[str, str]:
    """The environment of a user with these options in the global configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    hooks = folder / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in FAILING_HOOKS:
        workflows.program(hooks, name, "exit 1")
    (folder / "excludes").write_text("*.md\n.env*\nweb.py\n.vscode/\n")
    (folder / "attributes").write_text("* -diff\n*.md -text\n*.yml merge=union\n")
    (folder / "order").write_text("*.tf\n*.py\n")
    paths = {
        "HOOKS": hooks, "TEMPLATE_DIR": folder / "template", "EXCLUDES": folder / "excludes",
        "ATTRIBUTES": folder / "attributes", "ORDER": folder / "order",
    }  # fmt: skip
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "VIRTUAL_ENV"))}
    environ |= {"HOME": str(folder), "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_GLOBAL": str(folder / "gitconfig")}
    environ |= {
        "COPIER_CACHE_DIR": str(folder / "cache"),
        "GIT_EDITOR": "true",
        "PYTHONPATH": str(TEMPLATE / "kit" / "src"),
    }
    if "UV_CACHE_DIR" not in environ:
        environ["UV_CACHE_DIR"] = str(Path("~/.cache/uv").expanduser())
    environ.setdefault("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))
    for name, value in {"user.name": "Someone", "user.email": "someone@example.com", **options}.items():
        kind, _, rest = name.partition(".")
        if kind == "environment":
            environ[rest] = value
        else:
            command = ["git", "config", "--file", environ["GIT_CONFIG_GLOBAL"], name, str(paths.get(value, value))]
            subprocess.run(command, check=True)
    return environ
