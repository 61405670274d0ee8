"""Writes the map of the kit's public names into template/kit/README.md: `python3 kit_map.py`.

A module is public if it has `__all__`, which lists its public names. A name's line in the map is the first paragraph
of its docstring, or of the text below a constant; its link leads to the file that defines it.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

KIT = Path(__file__).resolve().parent / "template" / "kit"
README = KIT / "README.md"
SOURCE = KIT / "src"
START, END = "<!-- map: written by kit_map.py -->\n", "<!-- end of the map -->\n"


class Name(NamedTuple):
    """A public name, what it is for, and the file that defines it."""

    name: str
    summary: str
    path: Path


def public_modules() -> list[str]:
    """Return the kit's public modules, sorted."""
    return sorted(name for name, tree in _modules() if _all(tree) is not None)


def public_names(module: str) -> list[Name]:
    """Return the names in a module's `__all__`, in that order."""
    return [_find(module, name) for name in _all(_parse(_path(module))) or []]


def rendered() -> str:
    """Return the map as Markdown."""
    parts = []
    for module in public_modules():
        rows = "".join(
            f"| [`{name.name}`]({name.path.relative_to(KIT).as_posix()}) | {_cell(name.summary)} |\n"
            for name in public_names(module)
        )
        summary = _summary(ast.get_docstring(_parse(_path(module))), module)
        parts.append(f"### {module}\n{summary}\n\n| | |\n| --- | --- |\n{rows}")
    return "\n".join(parts)


def with_map(readme: str) -> str:
    """Return the text of the README with the current map in it."""
    before, _, rest = readme.partition(START)
    return f"{before}{START}{rendered()}{END}{rest.partition(END)[2]}"


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), _parse(path)


def _path(module: str) -> Path:
    path = SOURCE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _all(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def _find(module: str, name: str) -> Name:
    """Follow a name to the module that defines it; raise LookupError if there is none, or no text says what it is."""
    path = _path(module)
    body = _parse(path).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _find(node.module, alias.name)._replace(name=name)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            if [ast.unparse(decorator) for decorator in node.decorator_list] == ["overload"]:
                continue
            return Name(name, _summary(ast.get_docstring(node), f"{module}.{name}"), path)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            text = following.value if isinstance(following, ast.Expr) else None
            return Name(
                name, _summary(text.value if isinstance(text, ast.Constant) else None, f"{module}.{name}"), path
            )
    raise LookupError(f"{module} has no {name}")


def _summary(docstring: object, name: str) -> str:
    """Return a docstring's first paragraph as one line; raise LookupError if there is no docstring."""
    if isinstance(docstring, str):
        return re.sub(r"\s+", " ", docstring.strip().partition("\n\n")[0])
    raise LookupError(f"{name} is public and has no docstring.")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    README.write_text(with_map(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{README} is up to date.")
