"""The byte code that a start needs, in one file: read piece by piece, instead of from hundreds of files.

For each module Python looks into several folders, then opens, checks and reads two files; for the 400 modules of a
start that is a tenth of the time, and on Lambda each part of the image that is touched must be fetched as well. A
module whose source is not as it was when it was packed is loaded from its own files, as ever, and so are all of them
without the pack or with another Python. `kit.coldstart.build_bytecode_pack` writes it.
"""

import marshal
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import NamedTuple

FILE = os.path.join(os.path.dirname(__file__), "__pycache__", f"start.{sys.implementation.cache_tag}.pack")

LATER = {"anyio.to_thread", "html", "http.client", "http.cookies", "importlib.metadata", "ipaddress"}
"""Modules that the dependencies import and a start never uses: they are loaded once something is taken from them."""


class Packed(NamedTuple):
    """One module in the pack."""

    source: str
    changed: int
    """When its source was changed, as a .pyc keeps it."""
    size: int
    is_package: bool
    offset: int
    length: int


def use() -> None:
    """Load modules from the pack from now on, if there is one that this Python made."""
    try:
        file = os.open(FILE, os.O_RDONLY)
    except OSError:
        return
    length = int.from_bytes(os.read(file, 4), "little")
    python, index = marshal.loads(os.read(file, length))  # noqa: S302 - byte code, as in any .pyc
    if python == sys.version:
        sys.meta_path.insert(0, _Finder(file, 4 + length, index))


class _Finder:
    def __init__(self, file: int, start: int, index: dict[str, tuple[str, int, int, bool, int, int]]) -> None:
        self._file, self._start, self._index = file, start, index

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if (found := self._index.get(name)) is None:
            return None
        source, changed, size, is_package, offset, length = found
        try:
            now = os.stat(source)
        except OSError:
            return None
        if int(now.st_mtime) != changed or now.st_size != size:
            return None
        kind = _LaterLoader if name in LATER else _Loader
        spec = ModuleSpec(name, kind(name, source, self._file, self._start + offset, length), origin=source)
        spec.has_location, spec.cached = True, FILE
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(source)]
        return spec


class _Loader(SourceFileLoader):
    """Python's own, but for where the byte code comes from."""

    def __init__(self, name: str, source: str, file: int, offset: int, length: int) -> None:
        super().__init__(name, source)
        self._place = file, length, offset

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = marshal.loads(os.pread(*self._place))  # noqa: S302
        return code


class _LaterLoader(_Loader):
    """Runs the module when something is first taken from it."""

    def exec_module(self, module: ModuleType) -> None:
        def load(name: str) -> object:
            if name == "__path__":  # which a package would have
                raise AttributeError(name)
            del module.__dict__["__getattr__"]
            super(_LaterLoader, self).exec_module(module)
            return getattr(module, name)

        module.__dict__["__getattr__"] = load
