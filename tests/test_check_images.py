"""`make check-images` with a docker that plays the registries; the real ones are asked by the weekly workflow."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from programs import program
from rendering import ROOT

INDEX = {"manifests": [{"platform": {"os": "linux", "architecture": one}} for one in ("amd64", "arm64")]}
ONE = {"manifests": INDEX["manifests"][:1]}


@pytest.mark.parametrize(
    ("python", "code", "said"),
    [
        (f"echo '{json.dumps(INDEX)}'", 0, "found"),
        (f"echo '{json.dumps(ONE)}'", 1, "it is not for linux/arm64"),
        ("echo 'ERROR: not found' >&2; exit 1", 1, "ERROR: not found"),
    ],
)
def test_each_pinned_image_is_asked_for(tmp_path: Path, python: str, code: int, said: str) -> None:
    program(tmp_path / "docker", f"#!/bin/sh\ncase $5 in python:*) {python};; *) echo '{json.dumps(INDEX)}';; esac\n")
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, ROOT / "check_images.py"], env=environ, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    lines = dict(re.findall(r"^(\w+):\S+ \(template/\S+\): (.*)$", done.stdout, re.MULTILINE))
    assert lines == {"mysql": "found", "python": said}
