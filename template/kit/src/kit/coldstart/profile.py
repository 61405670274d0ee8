"""Measures one cold start of the web function and its first responses, for `python -m kit cold`.

python -X importtime -m kit.coldstart.profile FILE [PATH]     # without PATH, no request is made and no database needed
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kit.aws_lambda import bytecode_pack

begun = time.time()


def main() -> None:
    """Start as on Lambda, request the page at PATH if there is one, and write the measurements to FILE as JSON."""
    bytecode_pack.install()
    if sys.platform == "linux":
        importlib.import_module("awslambdaric.__main__")
    result: dict[str, object] = {"begun": begun, "client": sorted(sys.modules)}
    started = time.perf_counter()
    from kit.aws_lambda import web

    result["imports"] = _since(started)
    result["modules"] = sorted(sys.modules)
    if len(sys.argv) > 2:
        result |= _responses(web.handler, sys.argv[2])
    Path(sys.argv[1]).write_text(json.dumps(result))


def _responses(handler: Callable[[Any, Any], dict[str, Any]], path: str) -> dict[str, object]:
    """Return the milliseconds of the first connection, of the first response that uses it, and of the next one."""
    from sqlalchemy.exc import DBAPIError

    from kit.coldstart import build_bytecode_pack
    from kit.db import database

    started = time.perf_counter()
    try:
        with database.engine().connect():
            pass
    except DBAPIError as error:
        return {"unreachable": str(error.orig)}
    result: dict[str, object] = {"connection": _since(started)}
    event = build_bytecode_pack.http_event(path)
    for name in ("first", "next"):
        started = time.perf_counter()
        result["status"] = handler(event, None)["statusCode"]
        result[name] = _since(started)
    return result


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
