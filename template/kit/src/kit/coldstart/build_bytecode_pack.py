"""Prepares cold starts while the image is built: compiles the templates and writes the bytecode pack.

python -m kit.coldstart.build_bytecode_pack       # `kit.aws_lambda.bytecode_pack` describes the pack
"""

import asyncio
import importlib
import marshal
import os
import sys
import sysconfig
from importlib import metadata
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from kit import references, secrets, settings
from kit.aws_lambda import apigateway, bootstrap, bytecode_pack, cdn, lifespan  # noqa: F401 - a start loads all of them
from kit.db import connection, preconnect  # noqa: F401
from kit.web import templates

WITHOUT_DOCSTRINGS = {"sqlalchemy"}
"""Packages that are compiled as by `python -OO`: docstrings are a fifth of SQLAlchemy's bytecode, and stay in memory."""

CLIENT = ["awslambdaric.__main__", "awslambdaric.bootstrap"]
"""The runtime interface client, as far as a start loads it."""


def load() -> None:
    """Load what a cold start loads, up to the app's first response, and compile the templates that this uses.

    The app's startup is not run, and neither a database nor a stage's secrets are read.
    """
    for variable in secrets.STAGE_VARIABLES:
        os.environ.pop(variable, None)
    if sys.platform == "linux":
        for module in CLIENT:
            importlib.import_module(module)
    connection.connect("mysql://nobody@localhost/nothing")  # does not connect before the first query
    settings.of_app()
    app = references.load(references.WEB_APP)
    templates.compile_all()
    apigateway.Gateway(app, asyncio.new_event_loop())(http_event("/no-such-page"), None)


def write() -> int:
    """Write all modules that are loaded now into the pack, and return their number."""
    entries: dict[str, bytecode_pack.Entry] = {}
    codes: list[bytes] = []
    checked = _records()
    offset = 0
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if not (spec and spec.name == name and isinstance(spec.loader, SourceFileLoader) and spec.origin):
            continue
        file = checked.get(spec.origin) or (os.__file__ if _is_standard(spec.origin) else spec.origin)
        status = os.stat(file)
        stripped = name.partition(".")[0] in WITHOUT_DOCSTRINGS
        code = marshal.dumps(_without_docstrings(spec.origin) if stripped else spec.loader.get_code(name))
        entries[name] = bytecode_pack.Entry(
            source=spec.origin,
            checked=file,
            modified=int(status.st_mtime),
            size=status.st_size,
            is_package=spec.submodule_search_locations is not None,
            offset=offset,
            length=len(code),
        )
        codes.append(code)
        offset += len(code)
    header = marshal.dumps((sys.version, {name: tuple(entry) for name, entry in entries.items()}))
    os.makedirs(os.path.dirname(bytecode_pack.FILE), exist_ok=True)
    with open(bytecode_pack.FILE, "wb") as file:
        file.write(len(header).to_bytes(4, "little") + header + b"".join(codes))
    return len(entries)


def _records() -> dict[str, str]:
    """Return the `RECORD` of each file that was installed with a package. An editable package's sources have none.

    Source: packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    records: dict[str, str] = {}
    for distribution in metadata.distributions():
        files = distribution.files or []
        for record in files:
            if record.match("*.dist-info/RECORD"):
                path = str(distribution.locate_file(record))
                records |= {str(distribution.locate_file(file)): path for file in files}
    return records


def _is_standard(source: str) -> bool:
    """Whether a module belongs to Python itself, whose version the pack has."""
    paths = sysconfig.get_paths()
    installed = (f"{paths['purelib']}{os.sep}", f"{paths['platlib']}{os.sep}")
    return source.startswith(f"{paths['stdlib']}{os.sep}") and not source.startswith(installed)


def _without_docstrings(source: str) -> CodeType:
    code: CodeType = compile(Path(source).read_bytes(), source, "exec", dont_inherit=True, optimize=2)
    return code


def http_event(path: str) -> dict[str, object]:
    """Return the event of a browser's GET request, as an HTTP API sends it."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "localhost", "accept-encoding": "gzip"},
        "requestContext": {"http": {"method": "GET", "path": path, "sourceIp": "127.0.0.1"}, "stage": "$default"},
        "isBase64Encoded": False,
    }


def main() -> None:
    """Compile the templates, and write the pack unless `BYTECODE_PACK=off`.

    An app that cannot be imported here, because it needs settings that exist only in the cloud, is no error: what was
    loaded until then is packed.
    """
    os.environ |= {"DATABASE_URL": "mysql://nobody@localhost/nothing", "LOG_LEVEL": "error"}
    try:
        load()
    except Exception as error:  # noqa: BLE001 - the app's own code may raise anything
        print(f"Cold starts will be slower, because the app cannot be imported here: {error!r}", file=sys.stderr)
    if bytecode_pack.enabled():
        print(f"{write()} modules packed into {bytecode_pack.FILE}")
    else:
        print("BYTECODE_PACK=off: no bytecode pack is written")


if __name__ == "__main__":
    main()
