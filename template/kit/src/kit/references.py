"""The names by which the kit finds your app: the only place where `kit` knows of `app`.

They are strings, so that importing the kit imports nothing of yours before it is needed.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WEB_APP = "app.web:app"
"""The ASGI app that answers requests."""

METADATA = "app.models:Base.metadata"
"""The SQLAlchemy tables that migrations are compared with."""

JOBS = "app.jobs"
"""The module that declares your jobs and their schedules."""


def project() -> Path:
    """The folder that holds `app/`, wherever the kit itself is installed; the current one, if there is no app."""
    spec = find_spec(WEB_APP.partition(".")[0])
    if spec is None or not spec.submodule_search_locations:
        return Path.cwd()
    return Path(spec.submodule_search_locations[0]).resolve().parent


def load(name: str) -> Any:
    """Import what `package.module:object.attribute` names."""
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for attribute in path.split("."):
        found = getattr(found, attribute)
    return found
