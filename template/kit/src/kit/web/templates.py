"""Jinja templates whose byte code is kept beside them, so that a start in the cloud compiles none.

    pages = templates.load(Path(__file__).parent / "pages")

Building the image compiles them; a template that has changed since is compiled when it is first used, as ever.
"""

import os
from collections.abc import MutableMapping
from io import BytesIO
from pathlib import Path
from typing import Any

import jinja2
import jinja2.runtime
import markupsafe
from jinja2.bccache import Bucket, BytecodeCache
from markupsafe import _escape_inner  # type: ignore[attr-defined]
from starlette.templating import Jinja2Templates

__all__ = ["load"]

_loaded: list[tuple[jinja2.Environment, "_Beside"]] = []


def load(folder: Path) -> Jinja2Templates:
    """Give the templates in a folder; where files can be changed, what is changed counts at once."""
    cache = _Beside(folder / "__pycache__")
    made = _Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,  # whatever a file is called: only `|safe` puts a value out as it is
        bytecode_cache=cache,
        auto_reload=os.access(folder, os.W_OK),
    )
    _loaded.append((made, cache))
    return Jinja2Templates(env=made)


def compile_all() -> None:
    """Write the byte code of all templates that were loaded by now; what is no template is left out."""
    for environment, cache in _loaded:
        for name in environment.list_templates(filter_func=lambda name: not name.startswith("__pycache__/")):
            try:
                source, filename, _ = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
                code = environment.compile(source, name, filename)
            except (UnicodeDecodeError, jinja2.TemplateSyntaxError):
                continue
            bucket = cache.get_bucket(environment, name, filename, source)
            bucket.code = code
            cache.write(bucket)


class _Environment(jinja2.Environment):
    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Give templates without globals of their own the environment's: merging both anew took a tenth of a page."""
        return super().make_globals(d) if d else self.globals


def _escape(value: object) -> str:
    """Escape what a template puts out: text becomes text, where Jinja makes a `Markup` that nobody looks at."""
    if type(value) is str:
        return _escape_inner(value)
    return str(value) if type(value) is int else markupsafe.escape(value)


jinja2.runtime.escape = _escape  # type: ignore[assignment,attr-defined]  # where templates take theirs from


class _Beside(BytecodeCache):
    """Reads byte code from a folder, and writes it there only when asked to: a visit changes no file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            bucket.load_bytecode(BytesIO(self._file(bucket).read_bytes()))
        except OSError:
            return

    def dump_bytecode(self, bucket: Bucket) -> None:
        return

    def write(self, bucket: Bucket) -> None:
        self.folder.mkdir(exist_ok=True)
        with self._file(bucket).open("wb") as file:
            bucket.write_bytecode(file)

    def _file(self, bucket: Bucket) -> Path:
        return self.folder / f"{bucket.key}.jinja"
