"""One start of the web function and its first answers, told as JSON: what `python -m kit cold` runs by itself.

python -X importtime -m kit.coldstart.profile FILE [PATH]        # without a PATH, nothing is asked and no database needed
"""

import sys
import time

from kit.coldstart import bytecode_pack

begun = time.time()


def main() -> None:
    """Start as on Lambda, ask for the page at PATH if there is one, and write what was seen to FILE."""
    bytecode_pack.use()
    from kit.aws_lambda import runtime  # noqa: F401

    seen: dict[str, object] = {"begun": begun, "client": sorted(sys.modules)}
    clock = time.perf_counter()
    from kit.aws_lambda import web as lambda_web

    seen["imports"] = (time.perf_counter() - clock) * 1000
    seen["modules"] = sorted(sys.modules)
    if len(sys.argv) > 2:
        seen |= _answers(lambda_web.handler, sys.argv[2])
    import json
    from pathlib import Path

    Path(sys.argv[1]).write_text(json.dumps(seen))


def _answers(handler: object, path: str) -> dict[str, object]:
    """Milliseconds of the first connection, of the first answer on it, and of the next."""
    from sqlalchemy.exc import DBAPIError

    from kit.coldstart import build_bytecode_pack
    from kit.db import database

    clock = time.perf_counter()
    try:
        with database.engine().connect():
            pass
    except DBAPIError as error:
        return {"unreachable": str(error.orig)}
    seen: dict[str, object] = {"connection": (time.perf_counter() - clock) * 1000}
    for name in ("first", "next"):
        clock = time.perf_counter()
        seen["status"] = handler(build_bytecode_pack.visit(path), None)["statusCode"]  # type: ignore[operator]
        seen[name] = (time.perf_counter() - clock) * 1000
    return seen


if __name__ == "__main__":
    main()
