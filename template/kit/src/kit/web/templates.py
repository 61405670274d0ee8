"""Jinja templates that are compiled while the image is built, so that a cold start on Lambda compiles none.

    pages = templates.load(Path(__file__).parent / "pages")

On Lambda, whose files never change, the compiled templates are used. Elsewhere Jinja compiles a template when it is
first used, and again when its file changes.
"""

import compileall
from pathlib import Path

import jinja2
from starlette.templating import Jinja2Templates

from kit import settings

__all__ = ["load"]

COMPILED = "__pycache__"
"""The folder for compiled templates, inside the folder of templates."""

_environments: dict[Path, jinja2.Environment] = {}


def load(folder: Path) -> Jinja2Templates:
    """Return the templates in a folder. Values are escaped in all of them, whatever their file name.

    Example: `pages.TemplateResponse(request, "home.html", {"name": name})`
    """
    loaders: list[jinja2.BaseLoader] = [jinja2.FileSystemLoader(folder)]
    if settings.on_lambda() and (compiled := folder / COMPILED).is_dir():
        loaders.insert(0, jinja2.ModuleLoader(compiled))
    environment = jinja2.Environment(loader=jinja2.ChoiceLoader(loaders), autoescape=True)
    _environments[folder] = environment
    return Jinja2Templates(env=environment)


def compile_all() -> None:
    """Compile the templates in every folder that was loaded so far. Files that are not templates are left out."""
    for folder, environment in _environments.items():
        _compile(folder, environment.overlay(loader=jinja2.FileSystemLoader(folder)))


def _compile(folder: Path, environment: jinja2.Environment) -> None:
    def is_template(name: str) -> bool:
        try:
            (folder / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return False
        return not name.startswith(f"{COMPILED}/")

    target = folder / COMPILED
    environment.compile_templates(target, filter_func=is_template, zip=None)
    compileall.compile_dir(target, quiet=1)
