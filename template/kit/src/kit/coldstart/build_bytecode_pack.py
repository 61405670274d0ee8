"""Packing what a start loads, while the image is built; see `kit.coldstart.bytecode_pack`, which loads it.

python -m kit.coldstart.build_bytecode_pack       # starts the app once, and writes the byte code of what that loaded into one file
"""

import asyncio
import marshal
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from kit.coldstart import bytecode_pack

WORDY = {"sqlalchemy"}
"""Packages that are packed as `python -OO` compiles them: a fifth of their byte code is docstrings, kept in memory."""


def write() -> int:
    """Pack what a start loads, up to the app's first answer; gives the number of modules.

    No startup of the app is run, and no database is asked. What cannot be loaded here, without the settings of the
    cloud, is told and left out.
    """
    try:
        _start()
    except Exception as error:  # noqa: BLE001 - whatever the app's own code needs
        print(f"Not all that a start loads is packed, which makes it slower: {error!r}", file=sys.stderr)
    index: dict[str, bytecode_pack.Packed] = {}
    codes: list[bytes] = []
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec and spec.name == name and isinstance(spec.loader, SourceFileLoader) and spec.origin:
            source = os.stat(spec.origin)
            offset = sum(map(len, codes))
            wordy = name.partition(".")[0] in WORDY
            code = _optimized(spec.origin) if wordy else spec.loader.get_code(name)
            codes.append(marshal.dumps(code))
            index[name] = bytecode_pack.Packed(
                source=spec.origin,
                changed=int(source.st_mtime),
                size=source.st_size,
                is_package=spec.submodule_search_locations is not None,
                offset=offset,
                length=len(codes[-1]),
            )
    head = marshal.dumps((sys.version, {name: tuple(one) for name, one in index.items()}))
    os.makedirs(os.path.dirname(bytecode_pack.FILE), exist_ok=True)
    with open(bytecode_pack.FILE, "wb") as file:
        file.write(len(head).to_bytes(4, "little") + head + b"".join(codes))
    return len(index)


def _optimized(source: str) -> CodeType:
    code: CodeType = compile(Path(source).read_bytes(), source, "exec", dont_inherit=True, optimize=2)
    return code


def _start() -> None:
    from kit import references
    from kit.aws_lambda import apigateway
    from kit.db import connection
    from kit.web import templates

    connection.connect("mysql://nobody@localhost/nothing")  # nothing is sent before a first query
    apigateway.Gateway(references.load(references.WEB_APP), asyncio.new_event_loop())(visit("/no-such-page"), None)
    templates.compile_all()


def visit(path: str) -> dict[str, object]:
    """A browser's visit of a page, as an HTTP API tells it."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "localhost", "accept-encoding": "gzip"},
        "requestContext": {"http": {"method": "GET", "path": path, "sourceIp": "127.0.0.1"}, "stage": "$default"},
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    os.environ |= {"DATABASE_URL": "mysql://nobody@localhost/nothing", "LOG_LEVEL": "error"}
    print(f"{write()} modules packed into {bytecode_pack.FILE}")
