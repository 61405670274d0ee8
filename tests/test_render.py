"""The render: what copier makes of `template/`, for the plainest and the oddest answers."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import render as rendered
import rendering
from rendering import ODD, QUESTIONS, TEMPLATE, render


@pytest.fixture(scope="module")
def odd_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app whose answers hold every character that some file format gives a meaning."""
    return render(tmp_path_factory.mktemp("odd") / "app", **ODD)


@pytest.mark.parametrize("which", ["app", "odd_app"])
@pytest.mark.parametrize(("name", "check"), rendered.CHECKS)
def test_the_hook_finds_nothing_wrong(which: str, name: str, check, request: pytest.FixtureRequest) -> None:
    assert check(request.getfixturevalue(which))


def test_odd_answers_arrive_as_they_were_given(odd_app: Path) -> None:
    project = tomllib.loads((odd_app / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == ODD["project_name"]
    assert project["description"] == ODD["project_description"]
    about: dict[str, str] = {}
    exec((odd_app / "app" / "about.py").read_text(encoding="utf-8"), about)  # noqa: S102
    assert about["NAME"] == ODD["project_name"]
    assert about["DESCRIPTION"] == ODD["project_description"]


def test_planetscale_reads_names_and_never_numbers(odd_app: Path) -> None:
    config = yaml.safe_load((odd_app / ".pscale.yml").read_text(encoding="utf-8"))
    assert (config["org"], config["database"]) == ("0", "1e3")


def test_plain_files_are_rendered_as_they_stand(app: Path) -> None:
    plain = [path for path in TEMPLATE.rglob("*") if path.is_file() and path.suffix not in {".jinja", ".pyc"}]
    plain = [path for path in plain if not rendered.NOT_OURS & set(path.relative_to(TEMPLATE).parts)]
    infra = TEMPLATE / "infra"
    plain = [path for path in plain if infra not in path.parents or infra / "sam" in path.parents]
    assert len(plain) > 30
    for path in plain:
        copy = app / path.relative_to(TEMPLATE)
        assert copy.read_bytes() == path.read_bytes()
        assert copy.stat().st_mode & 0o111 == path.stat().st_mode & 0o111


@pytest.mark.parametrize("tool", QUESTIONS["iac"]["choices"].values())
def test_every_path_is_legal_on_windows(tool: str) -> None:
    names = [name for name, _ in rendered.files(rendering.rendered(tool))]
    reserved = re.compile(r"(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)", re.IGNORECASE)
    assert not [name for name in names if re.search(r'[<>:"\\|?*\x00-\x1f]|[ .](/|$)', name) or reserved.search(name)]
    assert len({name.lower() for name in names}) == len(names)
    assert max(map(len, names)) < 100, "Windows takes 260 characters, with the folder that the project lies in"


def test_every_setting_is_documented(app: Path) -> None:
    from kit.settings import Settings

    example = (app / ".env.example").read_text(encoding="utf-8")
    assert re.findall(r"^# ([A-Z_]+)=", example, re.MULTILINE) == [
        declared.variable for declared in Settings.declared.values()
    ]


@pytest.mark.parametrize("iac", ["sam", "cdk", "terraform"])
def test_what_a_user_sees_outside_the_kit_stays_small(iac: str) -> None:
    seen = [
        path
        for name, path in rendered.files(rendering.rendered(iac))
        if name.partition("/")[0] != "kit" and path.name != "uv.lock"
    ]
    texts = [path.read_bytes() for path in seen]  # locks are generated, and nobody reads them
    assert len(texts) <= 90
    assert sum(text.count(b"\n") for text in texts) <= 4_200
