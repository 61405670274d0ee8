"""Loading, escaping and compiling templates."""

import os
from pathlib import Path

import jinja2
import pytest

from kit.web import templates


def test_globals_may_be_changed_after_loading(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ name }} {{ own }}")
    env = templates.load(tmp_path).env
    env.globals["name"] = "before"
    assert env.get_template("page.html").render(own="1") == "before 1"
    env.globals["name"] = "after"
    assert env.get_template("page.html").render(own="2") == "after 2"


def test_a_changed_template_is_shown_at_once(tmp_path: Path) -> None:
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


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder with templates, compiled as in the image, and a file that is none."""
    (tmp_path / "part").mkdir()
    (tmp_path / "page.html").write_text("{% include 'part/name.html' %} {{ value }}")
    (tmp_path / "part" / "name.html").write_text("{{ name }}")
    (tmp_path / "broken.html").write_text("{% if %}")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    templates.load(tmp_path)
    templates.compile_all()
    return tmp_path


def test_on_lambda_templates_are_not_compiled_again(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_again(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    env = templates.load(pages).env
    env.globals["name"] = "name"
    monkeypatch.setattr(env, "compile", compile_again)
    assert env.get_template("page.html").render(value="<") == "name &lt;"


def test_on_lambda_a_template_that_was_not_compiled_is_loaded_from_its_file(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
    (pages / "new.html").write_text("new")
    assert templates.load(pages).env.get_template("new.html").render() == "new"
    with pytest.raises(jinja2.TemplateSyntaxError):
        templates.load(pages).env.get_template("broken.html")


def test_elsewhere_compiled_templates_are_ignored(pages: Path) -> None:
    (pages / "page.html").write_text("changed")
    assert templates.load(pages).env.get_template("page.html").render() == "changed"
