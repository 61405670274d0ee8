"""The guide to uploads, followed on a blank app and used with a bucket: S3 is moto's server."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

import guides
from releases import committed
from rendering import render

VISIT = """
import httpx2
from starlette.testclient import TestClient
from kit import testing

testing.use_database("sqlite:///visit.db")

from app import files
from app.web import app

PNG = files.SIGNATURES["image/png"] + b"the rest"
with TestClient(app) as client:
    form = client.post("/photos/form", json={"type": "image/png"}).json()
    assert client.post("/photos", json={"photo": form["photo"]}).status_code == 409
    sent = httpx2.post(form["url"], data=form["fields"], files={"file": PNG}, trust_env=False)
    assert sent.status_code == 204, sent.text
    page = client.post("/photos", json={"photo": form["photo"]}).json()["page"]
    assert "being checked" in client.get(page).text
    assert testing.run_jobs() == 1
    shown = client.get(page)
    address = shown.text.partition('<img src="')[2].partition('"')[0].replace("&amp;", "&")
    picture = httpx2.get(address, trust_env=False)
    assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
    origin = "/".join(address.split("/")[:3])
    for directive in ("img-src", "connect-src"):
        [allowed] = [part for part in shown.headers["content-security-policy"].split("; ") if part.startswith(directive)]
        assert allowed.split()[-1] == origin, allowed
    assert client.post("/uploads/", data=form["fields"]).status_code == 404
print("shown from", address.split("?")[0].rpartition("/")[0])
"""


def python(folder: Path, *arguments: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "kit" / "src")} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_photo_goes_to_the_bucket_and_is_shown_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = committed(render(tmp_path / "my-app"))
    python(app, "-m", "kit", "blank")
    for block in guides.blocks("uploads"):
        if block.title.startswith("app/"):
            guides.write(block, app / block.title)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        environ = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "UPLOADS_BUCKET": "my-app-prod-uploads-123456789012",
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=environ["UPLOADS_BUCKET"])
        output = python(app, "-c", VISIT, **environ)
    finally:
        server.stop()
    assert f"shown from http://{host}:{port}/my-app-prod-uploads-123456789012/photos" in output
