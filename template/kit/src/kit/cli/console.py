"""`python -m kit console`: a Python prompt with the app, its models and a database session."""

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def register(commands: Any) -> None:
    """Add the command."""
    commands.add_parser("console", help="open a Python prompt with the app and a database session").set_defaults(
        run=run
    )


def run(_: argparse.Namespace) -> None:
    """Open IPython if it is installed, otherwise Python's own prompt."""
    names = namespace()
    print(banner(names), file=sys.stderr)
    if find_spec("IPython"):
        ipython: Any = import_module("IPython")
        ipython.start_ipython(argv=["--no-banner"], user_ns=names)
    else:
        _python(names)


def namespace() -> dict[str, Any]:
    """The names in the prompt: the models first, then the app's and the kit's modules."""
    import sqlalchemy

    from kit import references, settings
    from kit.db import database

    models = import_module(references.METADATA.partition(":")[0])
    tables = {name: value for name, value in vars(models).items() if hasattr(value, "__mapper__")}
    app = {"app": import_module(references.WEB_APP.partition(".")[0]), "models": models}
    app["jobs"] = import_module(references.JOBS)
    kit = {"database": database, "settings": settings, "session": database.console()}
    return {**tables, **app, **kit, "select": sqlalchemy.select, "func": sqlalchemy.func}


def banner(names: dict[str, Any]) -> str:
    """Describe the database, the names, and how to change data."""
    models = ", ".join(name for name, value in names.items() if hasattr(value, "__mapper__"))
    others = ", ".join(name for name in names if name not in models.split(", "))
    return (
        f"Python {sys.version.split()[0]} on {names['database'].address()}\n"
        f"Models: {models}\n"
        f"Also:   {others}\n"
        "session reads: session.scalars(select(…)).all()\n"
        "To change things: with database.session() as s: s.add(…)"
    )


def _python(names: dict[str, Any]) -> None:
    import code

    try:
        import readline
        import rlcompleter
    except ImportError:  # Windows
        pass
    else:
        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    code.interact(banner="", local=names, exitmsg="")
