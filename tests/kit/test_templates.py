"""Loading, escaping and compiling templates."""

import base64
import hashlib
import os
import re
from pathlib import Path

import jinja2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from kit import web
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


# --- inlined styles and scripts


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a page that has a style and a script of their own files."""
    (tmp_path / "page.html").write_text('<p>{{ value }}</p>{{ inline("page.css") }}{{ inline("page.js") }}')
    (tmp_path / "page.css").write_bytes("p::before { content: '三 & <b>'; }\r\n".encode())
    (tmp_path / "page.js").write_text("console.log(1 < 2 && 'own');\n")
    return tmp_path


def response_of(folder: Path, value: str = "", cache_control: str = "private") -> Response:
    """Return the response with `page.html`."""
    pages = templates.load(folder)

    def page(request: Request) -> Response:
        return pages.TemplateResponse(request, "page.html", {"value": value}, headers={"cache-control": cache_control})

    app = web.wrap(Starlette(routes=[Route("/", page)]))
    response: Response = TestClient(app).get("/")  # type: ignore[assignment]
    return response


def hashes_in(policy: str, directive: str) -> set[str]:
    """Return the hashes that the directive allows."""
    return set(re.findall(r"'(sha256-[^']+)'", re.search(f"{directive} ([^;]*)", policy)[1]))  # type: ignore[index]


def hash_of(text: str) -> str:
    """Return the hash as browsers compute it, of the text between the tags."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@pytest.mark.parametrize("cache_control", ["private", "public, s-maxage=1"])
@pytest.mark.parametrize("compiled", [False, True], ids=["on a laptop", "on Lambda"])
def test_the_policy_allows_what_a_page_has_inlined_and_nothing_else(
    site: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool, cache_control: str
) -> None:
    if compiled:
        templates.load(site)
        templates.compile_all()
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "web")
        for file in site.glob("page.*"):
            file.unlink()  # the compiled ones must do
    response = response_of(site, "<script>alert(1)</script>", cache_control)
    inlined = {tag: re.search(f"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)[1] for tag in ("style", "script")}  # type: ignore[attr-defined,index]
    assert inlined == {"style": "p::before { content: '三 & <b>'; }", "script": "console.log(1 < 2 && 'own');"}
    policy = response.headers["content-security-policy"]
    for directive in ("script-src", "style-src"):
        assert hashes_in(policy, directive) == {hash_of(text) for text in inlined.values()}
    assert ("nonce-" in policy) == (cache_control == "private")


def test_a_changed_file_is_allowed_at_once(site: Path) -> None:
    before = response_of(site).headers["content-security-policy"]
    (site / "page.js").write_text("changed()")
    os.utime(site / "page.js", (0, 0))
    policy = response_of(site).headers["content-security-policy"]
    assert hash_of("changed()") in policy
    assert hash_of("changed()") not in before


def test_a_tag_may_have_attributes_and_a_template_no_request(site: Path) -> None:
    env = templates.load(site).env
    (site / "module.html").write_text('{{ inline("page.js", type="module", title="a\\"b") }}')
    assert env.get_template("module.html").render().startswith('<script type="module" title="a&#34;b">console.log')


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("part.html", "<p>", "takes a .css or .js file"),
        ("end.js", "write('</SCRIPT>')", "has '</script' in it"),
        ("end.css", "/* </style> */", "has '</style' in it"),
        ("comment.js", "x = '<!--'", "has '<!--' in it"),
    ],
)
def test_what_would_not_be_one_style_or_script_is_refused(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=reason):
        templates.load(tmp_path).env.from_string(f"{{{{ inline({name!r}) }}}}").render()


def test_no_value_of_a_page_gets_into_what_is_inlined(site: Path) -> None:
    (site / "page.js").write_text("value = '{{ value }}'")
    assert "value = ''" in response_of(site, "a visitor's").text  # type: ignore[attr-defined]
