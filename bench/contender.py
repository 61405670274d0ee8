"""Who is compared: small apps with the same page, each in its folder, and the generated app as it is."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import containers
from rendering import TEMPLATE, render

HERE = Path(__file__).resolve().parent / "contenders"
SHARED = ["pages/wall.css", "pages/wall.js", "picture.py"]
"""What of the generated app the others have too, so that the page and the job are the same."""


@dataclass(frozen=True)
class Contender:
    """One of them; `folder` is empty for the generated app."""

    name: str
    folder: str
    reads: bool = True
    """Whether it has a database."""
    jobs: bool = True
    """Whether it can hand jobs off."""


OURS = Contender("the generated app", "")
FASTAPI = Contender("FastAPI + Mangum + SQLAlchemy async + boto3", "fastapi_sqlalchemy")
STARLETTE = Contender("Starlette + Mangum + PyMySQL", "starlette_pymysql", jobs=False)
FLOOR = Contender("bare awslambdaric", "floor", reads=False, jobs=False)
POWERTOOLS = Contender("Powertools + PyMySQL + boto3", "powertools")
POWERTOOLS_JOBS = Contender("Powertools' BatchProcessor", "powertools_jobs")
"""For jobs alone."""
CONTENDERS = [
    FLOOR,
    STARLETTE,
    OURS,
    POWERTOOLS,
    Contender("Django + Mangum + boto3", "django_mangum"),
    Contender("Flask + apig-wsgi + SQLAlchemy + boto3", "flask_wsgi"),
    FASTAPI,
]
QUICK = [FLOOR, STARLETTE, OURS, FASTAPI]
LEFT_OUT = {
    "Lambda Web Adapter + uvicorn": "its binary is published as a container image alone, which no package registry has"
}
"""Who would belong here, and why it is not measured."""


def base() -> str:
    """The image that all of them stand on: the generated app's own."""
    stated = re.search(r"^FROM (\S+) AS base$", (TEMPLATE / "Dockerfile").read_text(), re.MULTILINE)
    assert stated
    return containers.local_image(stated[1])


def build(contender: Contender, folder: Path) -> str:
    """Make its image out of a folder made for that, and give the tag; what has not changed is not built again."""
    tag = f"spikeproof-bench-{contender.folder or 'app'}"
    if contender is OURS:
        containers.use_local_images(render(folder))
        run(["make", "image", f"IMAGE={tag}"], folder)
        return tag
    shutil.copytree(HERE / contender.folder, folder)
    for file in (HERE / "Dockerfile", HERE / "page.html", *(TEMPLATE / "app" / name for name in SHARED)):
        if not (folder / file.name).exists():
            shutil.copy(file, folder)
    run(["docker", "build", "--quiet", "--tag", tag, "--build-arg", f"PYTHON_IMAGE={base()}", "."], folder)
    return tag


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder; ends the benchmark with its output if it fails."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")


def bytes_above_base(tag: str) -> int:
    """What the image holds besides Python and Debian."""
    size, of_base = (
        int(containers.docker("image", "inspect", "--format", "{{.Size}}", image)) for image in (tag, base())
    )
    return size - of_base
