"""The order of the kit's packages, and what it uses of other libraries.

Imports inside functions and under TYPE_CHECKING count like all others. The `EXPECTED_…` sets hold what still breaks a
rule: an entry must be deleted as soon as it no longer exists.
"""

import ast
import inspect
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from rendering import TEMPLATE

SOURCE = TEMPLATE / "kit" / "src" / "kit"

BASE = {
    "aws",
    "base_settings",
    "clock",
    "errors",
    "generated_secrets",
    "logs",
    "references",
    "secrets",
    "settings",
    "stage_file",
    "tls",
}
FEATURES = BASE | {"db", "web", "jobs", "planetscale"}
MAY_IMPORT = {
    **dict.fromkeys(BASE, BASE),
    "db": BASE,
    "web": BASE,
    "jobs": BASE | {"db"},
    "planetscale": BASE | {"db"},
    "uploads": BASE,
    "aws_lambda": FEATURES,
    "coldstart": FEATURES | {"aws_lambda"},
    "ops": FEATURES | {"coldstart"},
    "testing": FEATURES | {"coldstart"},
    "update": BASE,
    "oneoff": BASE,
    "cli": FEATURES | {"coldstart", "ops", "testing", "update", "oneoff"},
    "__main__": {"cli"},
}
"""What each package may import besides itself."""

EXPECTED_UPWARD: set[tuple[str, str]] = set()
"""Imports against the order of packages."""

EXPECTED_CIRCULAR: set[tuple[str, str]] = set()
"""Imports that close a circle of modules."""

EXPECTED_PRIVATE = {("kit.db.mysql.dialect", "_parse_server_version")}
"""Private names of other libraries. SQLAlchemy's version is bounded: tests/kit/test_sqlalchemy_versions.py."""

DOCUMENTED = {"_asdict", "_fields", "_make", "_replace", "_getframe"}
"""Public in spite of their underscore: methods of named tuples, and `sys._getframe`."""

EXPECTED_OVERRIDDEN = {
    ("kit.db.mysql.dialect.Dialect", "_fetch_setting"),
    ("kit.db.mysql.dialect.Dialect", "_get_default_schema_name"),
    ("kit.db.mysql.dialect.Dialect", "_get_server_version_info"),
}
"""Private methods and attributes of another library's class that a class of the kit replaces; see above."""

EXPECTED_PATCHES: set[tuple[str, str]] = set()
"""Attributes of other libraries' modules that are assigned."""

MAY_BE_ASSIGNED = {"os.environ", "tempfile.tempdir"}
"""Attributes that are documented as variables."""


def _name(file: Path) -> str:
    return ".".join(("kit", *file.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


TREES = {_name(file): ast.parse(file.read_text(encoding="utf-8")) for file in sorted(SOURCE.rglob("*.py"))}


class Import(NamedTuple):
    """A name that an import statement binds, and what it stands for."""

    bound: str
    target: str


def imports(tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.asname or alias.name.partition(".")[0], alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"a relative import of {node.module}"
            for alias in node.names:
                yield Import(alias.asname or alias.name, f"{node.module}.{alias.name}")


def edges() -> set[tuple[str, str]]:
    """Each import of one module of the kit by another."""
    result = set()
    for module, tree in TREES.items():
        for _, target in imports(tree):
            imported = target if target in TREES else target.rpartition(".")[0]
            if imported in TREES and imported not in {module, "kit"}:
                result.add((module, imported))
    return result


def package(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def test_packages_import_only_packages_below_them() -> None:
    upward = {
        (module, imported)
        for module, imported in edges()
        if package(imported) not in MAY_IMPORT[package(module)] | {package(module)}
    }
    assert upward == EXPECTED_UPWARD


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert edges() >= EXPECTED_CIRCULAR
    graph: dict[str, set[str]] = {}
    for module, imported in edges() - EXPECTED_CIRCULAR:
        graph.setdefault(module, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"a circle: {' <- '.join(error.args[1])}") from None


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("_")


def _defined() -> set[str]:
    """All private names that the kit itself defines."""
    names: set[str] = set()
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
                names.add(node.attr)
    return names


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def test_no_private_name_of_another_library_is_used() -> None:
    defined = _defined() | DOCUMENTED
    private = set()
    for module, tree in TREES.items():
        for _, target in imports(tree):
            if not target.startswith("kit"):
                private |= {(module, part) for part in target.split(".") if _is_private(part)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in defined:
                private.add((module, node.attr))
    assert private == EXPECTED_PRIVATE


def test_no_class_replaces_what_is_private_to_its_base_in_another_library() -> None:
    overridden = set()
    for module in TREES:
        if module in {"kit.__main__", "kit.aws_lambda.web"}:  # they do something when imported
            continue
        for name, cls in inspect.getmembers(import_module(module), inspect.isclass):
            if cls.__module__ != module:
                continue
            for base in cls.__mro__[1:]:
                if base.__module__.startswith("kit") or base.__module__ in {"builtins", "typing"}:
                    continue
                private = {each for each in vars(cls).keys() & vars(base).keys() if _is_private(each)}
                overridden |= {(f"{module}.{name}", each) for each in private if not each.startswith("_abc_")}
    assert overridden == EXPECTED_OVERRIDDEN


def test_no_attribute_of_another_librarys_module_is_assigned() -> None:
    patches = set()
    for module, tree in TREES.items():
        foreign = {bound for bound, target in imports(tree) if not target.startswith("kit")}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
                root: ast.expr = node.value
                while isinstance(root, ast.Attribute):
                    root = root.value
                if isinstance(root, ast.Name) and root.id in foreign and ast.unparse(node) not in MAY_BE_ASSIGNED:
                    patches.add((module, ast.unparse(node)))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
                patches.add((module, ast.unparse(node)))
    assert patches == EXPECTED_PATCHES
