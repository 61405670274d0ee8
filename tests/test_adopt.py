"""docs/adopt.md, done as it says: an app of another name, with a lifespan, files and a table, becomes the app."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import parts
from rendering import ROOT

GUIDE = (ROOT / "docs" / "adopt.md").read_text(encoding="utf-8")
MAIN = """
import contextlib
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from shop.prices import PRICE

@contextlib.asynccontextmanager
async def lifespan(app):
    yield {"opened": True}

async def home(request):
    assert request.method == "GET", "a finding that no tool mends"
    return PlainTextResponse(f"{PRICE} {request.state.opened}")

app = Starlette(
    routes=[Route("/", home), Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))],
    lifespan=lifespan,
)
"""
MODELS = """
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

class Article(Base):
    __tablename__ = "articles"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
"""
TEST = """
from starlette.testclient import TestClient

def test_the_shop(client: TestClient) -> None:
    assert client.get("/").text == "12 True"
    assert client.get("/static/shop.css").text == "body {}"
    assert client.get("/").headers["content-security-policy"] == "default-src 'self'; img-src 'self' data:"
"""


def blocks(kind: str) -> list[str]:
    """The code blocks of a kind in the guide; "" for indented commands."""
    if kind:
        return re.findall(rf"```{kind}\n(.*?)```", GUIDE, re.DOTALL)
    return [
        re.sub("^    ", "", block, flags=re.MULTILINE) for block in re.findall(r"(?:^    .+\n)+", GUIDE, re.MULTILINE)
    ]


def block(containing: str, kind: str = "") -> str:
    """The first block with these words."""
    return next(text for text in blocks(kind) if containing in text)


def sh(folder: Path, shell: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        ["bash", "-e", "-c", shell],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{shell}\n{done.stdout}"


def test_the_guide_leads_to_an_app_that_passes_its_checks(app: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(app, tmp_path / "shop")
    sh(folder, "git init -q && git add -A && git -c user.name=T -c user.email=t@example.com commit -qm new")
    sh(folder, block("git rm -r app/web.py"))
    files = {
        "app/__init__.py": block("sys.path.insert", "python"),
        "app/web.py": block("from app.main import", "python").replace("app.main", "shop.main"),
        "app/jobs.py": block("# app/jobs.py", "python"),
        "app/models.py": block("class Base", "python") + MODELS,
        "app/shop/__init__.py": "",
        "app/shop/main.py": MAIN,
        "app/shop/prices.py": "PRICE = 12\n",
        "app/shop/static/shop.css": "body {}",
        "tests/test_shop.py": TEST,
    }
    loose = next(line for line in block('data:")', "python").splitlines() if "img-src 'self' data:" in line)
    files["app/web.py"] = files["app/web.py"].replace("app = web.wrap(main)", loose)
    for name, text in files.items():
        folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(name).write_text(text, encoding="utf-8")
    with folder.joinpath("pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{block('ignore_errors', 'toml')}")
    sh(folder, 'make migration m="what was there"')
    sh(folder, "make manifest")
    sh(folder, block("--add-noqa"))
    sh(folder, "make check")


def test_code_that_asks_for_a_newer_python_asks_nothing_of_the_templates(app: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(app, tmp_path / "shop")
    project = folder.joinpath("pyproject.toml")
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace('requires-python = ">=3.11"', 'requires-python = ">=3.14"'), encoding="utf-8")
    folder.joinpath("app/newer.py").write_text("from typing import List\n\nnames: List[str] = []\n")
    found = subprocess.run(
        [parts.program("ruff"), "check", "--no-cache", "--output-format", "concise"],
        cwd=folder,
        capture_output=True,
        text=True,
    ).stdout
    assert {line.partition("/")[0] for line in found.splitlines() if ".py:" in line} == {"app"}, found
    sh(folder, "ruff format --no-cache --check --quiet infra uvw")
