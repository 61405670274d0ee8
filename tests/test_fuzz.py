"""`make fuzz`: it finds nothing in the kit, and finds what somebody plants there."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

import parts
from rendering import TEMPLATE


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        parts.missing("atheris", "has wheels for Linux on x86_64 alone")
    folder = tmp_path / "kit"
    shutil.copytree(TEMPLATE / "kit", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def fuzz(kit: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = ["run", "--quiet", "--locked", "--script", str(kit / "tools/fuzz.py"), "-seed=1", *options]
    return subprocess.run([str(TEMPLATE / "uvw"), *script], cwd=kit, capture_output=True, text=True, timeout=120)


def test_the_kit_answers_whatever_is_sent(kit: Path) -> None:
    done = fuzz(kit, "-runs=3000")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 3000 runs" in done.stderr


@pytest.mark.parametrize(
    ("file", "sound", "planted", "problem"),
    [
        (
            "web/forms.py",
            'content = await body.read(request, MAX_BYTES, "form")',
            'content = await body.read(request, MAX_BYTES, "form"); content[:1] == b"%" and 1 / 0',
            "'statusCode': 500",
        ),
        (
            "aws_lambda/apigateway.py",
            'headers = {name.lower(): value for name, value in event["headers"].items()}',
            'headers = {name.lower(): value for name, value in event["headers"].items() if value[0]}',
            "IndexError",
        ),
    ],
    ids=["a form", "a header"],
)
def test_a_planted_fault_is_found(kit: Path, file: str, sound: str, planted: str, problem: str) -> None:
    path = kit / "src/kit" / file
    text = path.read_text(encoding="utf-8")
    assert sound in text
    path.write_text(text.replace(sound, planted), encoding="utf-8")
    done = fuzz(kit, "-max_total_time=60")
    assert done.returncode != 0
    assert problem in done.stdout + done.stderr
    assert "Base64: " in done.stderr
