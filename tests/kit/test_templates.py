"""Templates put out what Jinja's own would."""

import os
from pathlib import Path

import jinja2
import markupsafe
import pytest

from kit.web import templates

EVIL = "<script>alert('x')</script> & \"more\" 東京"


class Shown:
    """Says of itself how it is shown."""

    def __html__(self) -> str:
        return "<b>bold</b>"


class Text(str):
    """Text of a class of its own."""


VALUES = [EVIL, Text(EVIL), markupsafe.Markup("<i>safe</i>"), Shown(), 7, 1.5, None, True, ["<", Shown()], {"<": ">"}]
WAYS = [
    "{{ value }}",
    '<a title="{{ value }}">{{ value | safe }}</a>',
    "{{ value ~ '<' }}",
    "{{ value | upper }}{{ value | e | e }}{{ value | string | escape }}",
    "{% set kept %}<p>{{ value }}</p>{% endset %}{{ kept }}{{ kept | length }}{{ kept | upper }}",
    "{% macro twice(x) %}<p>{{ x }}{{ caller() if caller else x }}</p>{% endmacro %}{{ twice(value) }}",
    "{% macro twice(x) %}<p>{{ x }}{{ caller() }}</p>{% endmacro %}{% call twice(value) %}<b>{{ value }}</b>{% endcall %}",
    "{% filter upper %}<p>{{ value }}</p>{% endfilter %}",
    "{% for x in [value, [value]] recursive %}{{ loop(x) if x is sequence and x is not string else x }}{% endfor %}",
    "{% autoescape false %}{{ value }}{% endautoescape %}{{ value }}",
    "{{ '%s <' | format(value) }}{{ [value, '<'] | join('>') }}",
    "{% include 'part.html' %}",
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("way", WAYS)
def test_a_value_is_escaped_as_jinja_escapes_it(way: str, value: object, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(way, encoding="utf-8")
    (tmp_path / "part.html").write_text("<p>{{ value }}</p>", encoding="utf-8")
    ours = templates.load(tmp_path).env
    plain = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path), autoescape=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jinja2.runtime.escape", markupsafe.escape)
        wanted = plain.get_template("page.html")
        plain.get_template("part.html")
    try:
        expected: str | None = wanted.render(value=value)
    except TypeError:
        expected = None
    if expected is None:
        with pytest.raises(TypeError):
            ours.get_template("page.html").render(value=value)
    else:
        assert ours.get_template("page.html").render(value=value) == expected


def test_what_all_templates_know_may_still_change_and_one_may_know_more(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ name }} {{ own }}")
    env = templates.load(tmp_path).env
    env.globals["name"] = "before"
    assert env.get_template("page.html").render(own="1") == "before 1"
    env.globals["name"] = "after"
    assert env.get_template("page.html").render(own="2") == "after 2"


def test_a_template_that_is_changed_is_shown_as_it_is_at_once(tmp_path: Path) -> None:
    (page := tmp_path / "page.html").write_text("before")
    env = templates.load(tmp_path).env
    assert env.get_template("page.html").render() == "before"
    page.write_text("after")
    os.utime(page, (0, 0))
    assert env.get_template("page.html").render() == "after"


NAMES = [
    "page.html",
    "page.HTML",
    "page.svg",
    "page.xml",
    "page.xhtml",
    "page.txt",
    "page.jinja",
    "page.html.j2",
    "page",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_escaped_whatever_its_template_is_called(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{{ value }} {{ value | safe }}", encoding="utf-8")
    (tmp_path / "outer.html").write_text(f"{{% include '{name}' %}}", encoding="utf-8")
    env = templates.load(tmp_path).env
    for outer in (name, "outer.html"):
        assert env.get_template(outer).render(value="<script>") == "&lt;script&gt; <script>"
    assert env.from_string("{{ value }}").render(value="<script>") == "&lt;script&gt;"
