"""The one image: what is in it, what is not, and that it runs anything, not only on Lambda."""

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import httpx2 as httpx
import pytest

import containers
import waiting
from canary import CANARY
from kit.errors import UsageError
from kit.ops import image as deployed_image

WALK = """
import os, pathlib
root = pathlib.Path('/var/task')
found = [root, *root.rglob('*')]
"""


def base_of(app: Path) -> str:
    """The image that the Dockerfile stands on."""
    stated = re.search(r"^FROM (\S+) AS base$", app.joinpath("Dockerfile").read_text(), re.MULTILINE)
    assert stated
    return containers.local_image(stated[1])


def test_it_serves_the_web_without_lambda(image: str) -> None:
    options = ["--read-only", "--tmpfs", "/tmp", "--entrypoint", "uvicorn"]
    options += ["--env", "DATABASE_URL=sqlite:////tmp/app.db"]
    command = ["app.web:app", "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104
    with containers.running(image, command, options=options, publish=[8000]) as container:
        url = f"http://127.0.0.1:{container.port(8000)}/health"

        def answered() -> httpx.Response | None:
            assert container.alive(), container.logs()
            try:
                return httpx.get(url, trust_env=False)
            except httpx.TransportError:
                return None

        answer = waiting.until(answered, what="the web server in the image")
        assert container.logs().count("This server runs no jobs") == 1
    assert answer is not None
    assert (answer.status_code, answer.text) == (200, "ok")


def test_it_runs_the_worker_which_waits_for_its_database_and_ends_on_sigterm(image: str) -> None:
    options = ["--read-only", "--tmpfs", "/tmp", "--network", "none", "--entrypoint", "python"]
    options += ["--env", "DATABASE_URL=sqlite:////tmp/app.db"]
    with containers.running(image, ["-m", "kit", "jobs", "worker"], options=options) as container:
        waiting.until(
            lambda: "the worker is waiting for its database" in container.logs(), what="the worker in the image"
        )
        containers.docker("stop", "--time", "30", container.name)
        state = containers.docker("inspect", "--format", "{{.State.ExitCode}}", container.name)
        assert (state, "Traceback" in container.logs()) == ("0", False)


def test_it_runs_any_python_command_as_nobody_in_particular(image: str) -> None:
    assert containers.python(image, "import os, app.models; print(os.getuid(), os.getgid())") == "65532 65532"


def test_everyone_can_read_it_and_only_root_can_write(image: str) -> None:
    code = WALK + "print([str(f) for f in found if not f.is_symlink() and "
    code += "(f.stat().st_mode & 0o004 == 0 or f.stat().st_mode & 0o022 or f.stat().st_uid)])"
    assert containers.python(image, code, options=["--user", "0:0"]) == "[]"


def test_every_python_file_of_its_environment_has_its_byte_code(image: str) -> None:
    code = WALK + "import importlib.util as u\n"
    code += "sources = [f for f in found if f.suffix == '.py' and f.parent.name != 'bin']\n"
    code += "print(len(sources), [str(f) for f in sources if not os.path.exists(u.cache_from_source(str(f)))])"
    count, _, without = containers.python(image, code).partition(" ")
    assert int(count) > 500
    assert without == "[]"


@pytest.mark.parametrize("program", ["gcc", "cc", "uv", "uvx", "pytest", "ruff", "mypy", "git"])
def test_no_tool_of_the_build_is_left_inside(image: str, program: str) -> None:
    assert containers.python(image, f"import shutil; print(shutil.which({program!r}))") == "None"


def test_nothing_but_the_app_is_inside(image: str) -> None:
    listed = containers.python(image, "import os; print(sorted(os.listdir('/var/task')))")
    assert listed == "['.pscale.yml', '.venv', 'app', 'migrations']"
    code = "from pathlib import Path as P; print([*P.home().glob('.cache/*'), *P.home().glob('.local/*'), *P('/tmp').iterdir()])"
    assert containers.python(image, code, options=["--user", "0:0"]) == "[]"


def test_it_can_migrate_a_planetscale_database_without_what_only_a_laptop_has(image: str) -> None:
    options = ["--network", "none", "--env", "DATABASE_URL=mysql://a:b@aws.connect.psdb.cloud/my-app"]
    said = containers.run(image, ["-m", "kit", "migrate", "--dry-run"], options=[*options, "--entrypoint", "python"])
    assert "Wait until nothing else is being deployed into the default branch of my-org/my-app" in said


def test_it_is_less_than_90_mb_on_top_of_its_base(image: str, app: Path) -> None:
    size, base = (
        int(containers.docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (image, base_of(app))
    )
    assert 0 < size - base < 90_000_000


@pytest.fixture(scope="module")
def saved(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive that `make image IMAGE_FILE=…` writes beside the image."""
    file = tmp_path_factory.mktemp("saved") / "image.tar"
    containers.docker("save", "--output", str(file), image)
    return file


def test_what_is_deployed_from_a_file_is_the_image_that_was_built(image: str, saved: Path) -> None:
    built, _, machine = containers.docker("inspect", "--format", "{{.Id}} {{.Architecture}}", image).partition(" ")
    here, other = ("arm64", "x86_64") if machine == "arm64" else ("x86_64", "arm64")
    assert deployed_image.load(str(saved), here) == built
    with pytest.raises(UsageError, match=f"is for linux/{machine}, but the stage is for"):
        deployed_image.load(str(saved), other)
    with pytest.raises(
        UsageError, match=r"There is no file nothing\.tar\. Save the image with: make image IMAGE_FILE=nothing"
    ):
        deployed_image.load("nothing.tar", here)


def test_the_sbom_beside_a_saved_image_has_every_package_in_it(image: str, installed_app: Path, tmp_path: Path) -> None:
    (command,) = re.findall(r"\$\(UV\) (export .*) --output-file", installed_app.joinpath("Makefile").read_text())
    sbom = tmp_path / "sbom.json"
    subprocess.run(["./uvw", *command.split(), "--output-file", str(sbom)], cwd=installed_app, check=True)
    listed = {f"{one['name']} {one['version']}" for one in json.loads(sbom.read_text())["components"]}
    code = "import importlib.metadata as m; print(*(f'{d.name.lower()} {d.version}' for d in m.distributions()), sep='\\n')"
    inside = {line.replace("_", "-") for line in containers.python(image, code).splitlines()}
    assert len(inside) > 10
    assert inside <= listed


def test_a_secret_that_lay_about_during_the_build_is_in_no_layer(image: str, saved: Path) -> None:
    with tarfile.open(saved) as archive:
        blobs = 0
        for member in archive.getmembers():
            file = archive.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            data = file.read()
            assert CANARY.encode() not in data, member.name
            if not data.startswith((b"{", b"[")):
                blobs += _layer_is_clean(data)
    assert blobs >= 2
    assert CANARY not in json.dumps(containers.docker("history", "--no-trunc", image))


def _layer_is_clean(data: bytes) -> bool:
    """Look through a layer that may be compressed; whether it was one."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as layer:
            for member in layer:
                file = layer.extractfile(member) if member.isfile() else None
                assert file is None or CANARY.encode() not in file.read(), member.name
    except tarfile.ReadError:
        return False
    return True
