"""Record what Terraform calls in AWS during a stage's life, against moto: its state in S3 and, where it is the real one,
what its provider does.

The everyday tests use what is recorded: see recording.py.
"""

import json
import os
import subprocess
from pathlib import Path

import boto3
import pytest
import recording
from apps import render
from moto.server import ThreadedMotoServer
from tools import WITH_EVENTS, environment

import parts
import waiting

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-app-prod@sha256:"
BACKEND = """
terraform {
  backend "s3" {
    bucket                      = "my-state"
    key                         = "my-app"
    region                      = "us-east-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
  }
}
"""
LOCAL = 'provider "aws" {\n  s3_use_path_style = true\n}\n'
SETTINGS = 'alarm_email = "me@example.com"\ndashboard = true\nweb_reserved_concurrency = 5\n'


@pytest.mark.skipif(not os.environ.get("RECORD_CALLS"), reason="needs RECORD_CALLS, as its calls are recorded")
def test_the_calls_of_a_stages_life_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts.program("terraform")
    app = render(tmp_path / "my-app", iac="terraform")
    here = app / "infra" / "terraform"
    here.joinpath("backend.tf").write_text(BACKEND, encoding="utf-8")
    here.joinpath("local_override.tf").write_text(LOCAL, encoding="utf-8")
    here.joinpath("prod.tfvars").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv("MOTO_LAMBDA_STUB_ECR", "true")
    port = waiting.free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        with recording.life("terraform", port) as variables:
            keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
            s3 = boto3.client(
                "s3",
                "us-east-1",
                endpoint_url=f"http://127.0.0.1:{port}",
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )
            s3.create_bucket(Bucket="my-state")

            def make(*words: str) -> None:
                done = subprocess.run(
                    ["make", "--no-print-directory", *words, "STAGE=prod"],
                    cwd=app,
                    env=environment() | keys | variables,
                    capture_output=True,
                    text=True,
                    timeout=900,
                )
                assert done.returncode == 0, done.stdout + done.stderr

            make("infra-image")
            make("infra-apply", f"IMAGE={IMAGE}{'1' * 64}")
            app.joinpath("jobs.json").write_text(json.dumps(WITH_EVENTS | {"events": []}), encoding="utf-8")
            make("infra-apply", f"IMAGE={IMAGE}{'2' * 64}")
            make("infra-destroy")
    finally:
        server.stop()
