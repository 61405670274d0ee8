"""The names by which the kit finds your app: the only place where `kit` knows of `app`.

They are strings, so that importing the kit imports nothing of yours before it is needed.
"""

from importlib import import_module
from typing import Any

WEB_APP = "app.web:app"
"""The ASGI app that answers requests."""

METADATA = "app.models:Base.metadata"
"""The SQLAlchemy tables that migrations are compared with."""

JOBS = "app.jobs"
"""The module that declares your jobs and their schedules."""


def load(name: str) -> Any:
    """Import what `package.module:object.attribute` names."""
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for attribute in path.split("."):
        found = getattr(found, attribute)
    return found
