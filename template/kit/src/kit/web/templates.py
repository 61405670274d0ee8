"""Jinja templates that are compiled while the image is built, so that a cold start on Lambda compiles none.

    pages = templates.load(Path(__file__).parent / "pages")

On Lambda, whose files never change, the compiled templates are used. Elsewhere Jinja compiles a template when it is
first used, and again when its file changes.

A template has a style or a script of the same folder by `{{ inline("page.css") }}` and `{{ inline("page.js") }}`.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.templating import Jinja2Templates

from kit import settings
from kit.web import policy

__all__ = ["load"]

TAGS = {".css": "style", ".js": "script"}
"""The tag of what `inline` puts into a page."""

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
    environment.globals["inline"] = _inline
    _environments[folder] = environment
    return Jinja2Templates(env=environment)


@jinja2.pass_context
def _inline(context: jinja2.runtime.Context, name: str, **attributes: Any) -> Markup:
    """Return a stylesheet or script as a part of the page, which the page's content security policy allows by its hash.

    name: a `.css` or `.js` file in the folder of templates. It gets no values, because they would be part of its hash.
    attributes: of the tag, such as `type="module"`.

    Example: `{{ inline("page.js") }}`
    """
    tag, text, source = _block(context.environment.get_template(name))
    if (request := context.get("request")) is not None:
        policy.allow_inline(request.scope, source)
    written = Markup().join(Markup(' {}="{}"').format(*attribute) for attribute in attributes.items())
    return Markup(f"<{tag}{written}>{text}</{tag}>")  # noqa: S704 - a file of the app, in which no value is


@lru_cache
def _block(template: jinja2.Template) -> tuple[str, str, str]:
    """Return the tag, the text and the source in the content security policy."""
    tag = TAGS.get(Path(template.name or "").suffix)
    if tag is None:
        raise ValueError(f"inline() takes a .css or .js file, not {template.name!r}.")
    text = str(template.module)
    for end in (f"</{tag}", "<!--"):
        if end in text.lower():
            raise ValueError(f"{template.name} has {end!r} in it, where a browser would end the {tag}. Write it apart.")
    return tag, text, policy.hash_of(text)


def compile_all() -> None:
    """Compile the templates in every folder that was loaded so far. Files that are not templates are left out."""
    for folder, environment in _environments.items():
        _compile(folder, environment.overlay(loader=jinja2.FileSystemLoader(folder)))


def _compile(folder: Path, environment: jinja2.Environment) -> None:
    import compileall  # here, because a cold start has no use for it

    def is_template(name: str) -> bool:
        try:
            (folder / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return False
        return not name.startswith(f"{COMPILED}/")

    target = folder / COMPILED
    environment.compile_templates(target, filter_func=is_template, zip=None)
    compileall.compile_dir(target, quiet=1)
