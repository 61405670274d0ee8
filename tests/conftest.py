"""What the tests share, made once a session and named for what it gives."""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

import containers
import history
import mysql
import once
from canary import CANARY
from releases import commit, copy, git
from rendering import ROOT, rendered
from work_tree import copy_work_tree

IMAGE = os.environ.setdefault("TESTS_IMAGE", f"spikeproof-test:{os.getpid()}")
"""The tag of this run's image; workers inherit it."""

LONGEST = (
    "infra/test_rehearsal.py",
    "infra/test_check.py",
    "test_guides.py",
    "infra/test_preview_rehearsal.py",
    "test_update.py",
    "test_files.py",
    "test_make_update.py",
    "test_app.py",
    "oneoff/test_exec_endings.py",
    "test_with_database.py",
    "test_browser.py",
    "infra/test_audit.py",
    "test_cookiecutter.py",
    "oneoff/test_exec_run.py",
    "test_update_matrix.py",
    "infra/test_reduction.py",
    "infra/test_deploy.py",
    "oneoff/test_exec_prerequisites.py",
    "oneoff/test_exec_session.py",
    "test_adopt.py",
    "kit/test_start.py",
    "kit/test_database_tls.py",
    "kit/test_transactions_mysql.py",
    "test_hooks.py",
)
"""The files that take longest, the longest first. They start first, so that the workers end at about the same time."""

# A project under test isn't in a pipeline because its tests are. Workers inherit the other name.
if "CI" in os.environ:
    os.environ["TESTS_IN_CI"] = os.environ.pop("CI")
# Some images of Python set this; then each of the thousands of processes that the tests start compiles its packages again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# `make test` runs these below a make of its own; the projects' Makefiles under test must not notice that one.
for inherited in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(inherited, None)
# moto's EC2 would make 500 images of machines for each account and region of each test.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in captured output, which pytest-xdist cannot send from a worker."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, because a third of the tests' time is waiting for containers and servers."""
    return (len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first; pytest-xdist hands out files in this order with --no-loadscope-reorder."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_unconfigure() -> None:
    """Remove the image once all workers have ended."""
    if "PYTEST_XDIST_WORKER" not in os.environ and shutil.which("docker"):
        containers.docker("image", "rm", "--force", IMAGE, check=False)


@pytest.fixture(scope="session", autouse=True)
def _shared_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder that all of this run's workers share; a worker's own is in it."""
    base = tmp_path_factory.getbasetemp()
    os.environ[once.FOLDER] = str(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    os.environ["MYPY_CACHE_DIR"] = str(base / "mypy")  # projects under test differ little, and mypy compares contents


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an app rendered with the default answers, from this work tree as it stands."""
    return shutil.copytree(rendered(), tmp_path_factory.mktemp("app") / "my-app", symlinks=True)


@pytest.fixture(scope="session")
def installed_app(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same app with its uv.lock and its .venv, got by its own ./uvw."""
    folder = tmp_path_factory.mktemp("installed") / app.name
    shutil.copytree(app, folder)
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run(["./uvw", "sync", "--quiet"], cwd=folder, env=environ, check=True)
    return folder


@pytest.fixture(scope="session")
def image(installed_app: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tag of the app's image, which the workers share; `pytest_unconfigure` removes it."""
    containers.require_engine()
    return once.once("image", lambda: _build_image(installed_app, tmp_path_factory.mktemp("image")))


def _build_image(installed_app: Path, parent: Path) -> str:
    """Build it by `make image` with secrets lying about that must not get in."""
    folder = parent / installed_app.name
    shutil.copytree(installed_app, folder, ignore=shutil.ignore_patterns(".venv", "data"))
    folder.joinpath(".env").write_text(f"LOG_LEVEL={CANARY}\nSTRIPE_KEY={CANARY}\n")
    containers.use_local_images(folder)
    folder.joinpath("data").mkdir()
    folder.joinpath("data/generated.env").write_text(f"SESSION_KEYS={CANARY}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    done = subprocess.run(
        ["make", "image", f"IMAGE={IMAGE}"],
        cwd=folder,
        env=os.environ | {"DATABASE_URL": f"mysql://app:{CANARY}@host/app", "STRIPE_KEY": CANARY},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return IMAGE


@pytest.fixture(scope="session")
def mysql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mysql.Server]:
    """A real MySQL server that speaks TLS alone."""
    with mysql.server(tmp_path_factory.mktemp("mysql")) as server:
        yield server


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of this template that a test may break, as a repository with one version."""
    folder = tmp_path / "template"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", "__pycache__"))
    git(folder, "init", "--quiet")
    commit(folder, "v1.0.0")
    return folder


@pytest.fixture
def small_copy(tmp_path: Path) -> Path:
    """The same with few of its files, for tests of what does not depend on their number."""
    folder = tmp_path / "template"
    git(tmp_path, "init", "--quiet", folder.name)
    copy_work_tree(folder, small=True)
    commit(folder, "v1.0.0")
    return folder


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of this template with a tag for each version, as `history` has them; not to be changed."""
    return history.make(tmp_path_factory.mktemp("released") / "template")


@pytest.fixture(scope="session")
def small_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its two newest versions with few of their files; not to be changed."""
    return history.make(tmp_path_factory.mktemp("small") / "template", small=True)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine that has Python, git and make, and nothing else; uv's cache is kept, for speed."""
    folder = tmp_path_factory.mktemp("bare")
    programs = folder / "bin"
    programs.mkdir()
    for name in ("awk", "env", "git", "make", "sh", "uname"):
        if found := shutil.which(name):
            programs.joinpath(name).symlink_to(found)
    python = Path(sys.base_prefix) / "bin" / "python3"
    programs.joinpath("python3").symlink_to(os.path.realpath(python))
    home = folder / "home"
    home.mkdir()
    cache = Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")
    kept = {
        name: value
        for name, value in os.environ.items()
        if re.search(r"_PROXY$|SSL|CERT|INDEX_URL|^LANG$", name, re.IGNORECASE)
    }
    return kept | {"PATH": str(programs), "HOME": str(home), "UV_CACHE_DIR": str(cache)}


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`releases.copy`, which renders what is the same only once."""

    @functools.cache
    def rendered(template: Path, version: str, **answers: str) -> Path:
        return copy(template, tmp_path_factory.mktemp("generated") / "app", version, **answers)

    def generated(template: Path, folder: Path, version: str, **answers: str) -> Path:
        return shutil.copytree(rendered(template, version, **answers), folder, symlinks=True)

    return generated
