"""References to your app: the only place where `kit` names `app`.

They are strings, so that importing the kit does not import the app.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WEB_APP = "app.web:app"
"""The ASGI app."""

METADATA = "app.models:Base.metadata"
"""The SQLAlchemy metadata from which migrations are generated."""

SETTINGS = "app.settings:settings"
"""The app's own settings. This file is optional."""

JOBS = "app.jobs"
"""The module that declares jobs and schedules."""


def project() -> Path:
    """Return the folder that contains `app/`, wherever the kit is installed; without an app, the current folder."""
    spec = find_spec(WEB_APP.partition(".")[0])
    if spec is None or not spec.submodule_search_locations:
        return Path.cwd()
    return Path(spec.submodule_search_locations[0]).resolve().parent


def load(name: str) -> Any:
    """Return the object that `package.module:object.attribute` names."""
    module, _, path = name.partition(":")
    target: Any = import_module(module)
    for attribute in path.split("."):
        target = getattr(target, attribute)
    return target
