"""The bytecode pack: the compiled modules of a cold start in one file, which the image's build writes.

Without it, Python searches several folders for each of a start's 400 modules, and opens and checks two files each. A
module is loaded from the pack only if a file that changes with it still has the size and the modification time that it
had when the pack was built: for the app's modules their source, for those of an installed package its `RECORD`, which
each installation writes. A pack that another Python has written is ignored.

`BYTECODE_PACK=off` switches it off: while the image is built, none is written; at run time, none is used.

`kit.coldstart.build_bytecode_pack` writes the file.
"""

import marshal
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, NamedTuple

FILE = os.path.join(os.path.dirname(__file__), "__pycache__", f"start.{sys.implementation.cache_tag}.pack")

LAZY = {
    "asyncio.sslproto", "bz2", "html", "http.client", "http.cookies", "importlib.metadata", "ipaddress", "locale", "lzma",
}  # fmt: skip
"""Modules that our dependencies import and a cold start does not use: they are loaded when they are first used."""


class Entry(NamedTuple):
    """A module in the pack."""

    source: str
    checked: str
    """The file that shows whether the module may have changed."""
    modified: int
    """When that file was last modified, in seconds since 1970."""
    size: int
    """Its size in bytes."""
    is_package: bool
    offset: int
    """Where the code begins, in bytes after the header."""
    length: int


def enabled() -> bool:
    """Return whether `BYTECODE_PACK` leaves the pack switched on."""
    return os.environ.get("BYTECODE_PACK") != "off"


def install() -> None:
    """Load modules from the pack from now on, if there is one from this version of Python and it is enabled."""
    if not enabled():
        return
    try:
        file = os.open(FILE, os.O_RDONLY)
    except OSError:
        return
    length = int.from_bytes(os.read(file, 4), "little")
    python, index = marshal.loads(os.read(file, length))  # noqa: S302 - as trusted as a .pyc
    if python == sys.version:
        sys.meta_path.insert(0, _Finder(file, 4 + length, index))


class _Finder:
    def __init__(self, file: int, start: int, index: dict[str, tuple[str, str, int, int, bool, int, int]]) -> None:
        self._file, self._start, self._index = file, start, index
        self._unchanged: dict[str, bool] = {}
        """By the path of each file that was checked."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if (fields := self._index.get(name)) is None:
            return None
        source, checked, modified, size, is_package, offset, length = fields
        if checked not in self._unchanged:
            self._unchanged[checked] = _is_unchanged(checked, modified, size)
        if not self._unchanged[checked]:
            return None
        loader_class = _LazyLoader if name in LAZY else _Loader
        loader = loader_class(name, source, self._file, self._start + offset, length)
        spec = ModuleSpec(name, loader, origin=source)
        spec.has_location, spec.cached = True, FILE
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(source)]
        return spec


def _is_unchanged(file: str, modified: int, size: int) -> bool:
    try:
        status = os.stat(file)
    except OSError:
        return False
    return int(status.st_mtime) == modified and status.st_size == size


class _Loader(SourceFileLoader):
    """Python's own loader, except that the code comes from the pack."""

    def __init__(self, name: str, source: str, file: int, offset: int, length: int) -> None:
        super().__init__(name, source)
        self._file, self._offset, self._length = file, offset, length

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = marshal.loads(os.pread(self._file, self._length, self._offset))  # noqa: S302
        return code


class _LazyLoader(_Loader):
    """Runs the module when one of its attributes is first used.

    `importlib.util.LazyLoader` also runs it when it is merely imported a second time.
    """

    def exec_module(self, module: ModuleType) -> None:
        from threading import RLock

        lock, begun = RLock(), False
        run = super().exec_module
        present = {*module.__dict__, "__class__", "__dict__", "__path__"}  # the import system asks for the last of any

        class Unloaded(ModuleType):
            def __getattribute__(self, name: str) -> Any:
                nonlocal begun
                if name not in present:
                    with lock:  # other threads wait until the module is complete
                        if not begun:
                            begun = True
                            run(module)
                            module.__class__ = ModuleType
                return ModuleType.__getattribute__(self, name)

        module.__class__ = Unloaded
