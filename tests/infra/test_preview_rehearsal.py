"""A preview from its creation to its deletion with the real tools, a local AWS that runs the image, and a real MySQL.

PlanetScale is played by a server of its contract, whose passwords lead to that MySQL.
"""

import platform
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import httpx2 as httpx
import ministack
import recording
from apps import render

import containers
import mysql
from planetscale_http import pscale, serve
from planetscale_server import PlanetScale

HERE = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def test_a_pull_request_has_its_own_app_until_it_closes(
    mysql_server: mysql.Server, installed_app: Path, tmp_path: Path
) -> None:
    mysql_server.with_database("preview")
    app = render(tmp_path / "my-app", iac="sam", planetscale_database="preview")
    shutil.copy(installed_app / "uv.lock", app)
    containers.use_local_images(app)
    app.joinpath("infra/sam/stages/preview12.toml").write_text(f'Architecture = "{HERE}"\n')
    planetscale = PlanetScale("preview")
    planetscale.leads_to = {
        "username": "app",
        "plain_text": unquote(mysql.PASSWORD),
        "access_host_url": mysql.NAME,
    }
    with (
        ministack.running(mysql_server) as emulator,
        serve(planetscale) as base,
        recording.life("preview", emulator.port) as variables,
    ):
        pscale(tmp_path, base)
        environ = ministack.machine(tmp_path, emulator) | variables
        environ["PATH"] = f"{tmp_path}:{environ['PATH']}"

        def make(*words: str) -> str:
            command = ["make", "--no-print-directory", *words]
            done = subprocess.run(command, cwd=app, env=environ, capture_output=True, text=True, timeout=400)
            assert done.returncode == 0, done.stdout + done.stderr
            assert unquote(mysql.PASSWORD) not in done.stdout + done.stderr
            return done.stdout

        address = make("preview", "PR=12", "YES=1").strip()
        assert planetscale.left[0] == ["kit-preview-12"]
        visit = {"data": {"text": "Hello"}, "headers": {"sec-fetch-site": "same-origin"}}
        assert httpx.post(f"{address}/", **visit, timeout=30, trust_env=False).status_code == 303
        assert "Hello" in httpx.get(f"{address}/", timeout=30, trust_env=False).text
        assert make("preview-end", "PR=12") == ""
        assert planetscale.left == ([], [])
        assert emulator.client("ssm").describe_parameters()["Parameters"] == []
        stacks = emulator.client("cloudformation").describe_stacks()["Stacks"]
        assert [one["StackName"] for one in stacks if "preview12" in one["StackName"]] == []
