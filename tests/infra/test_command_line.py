"""`python -m kit`: every command is listed, and listing them imports nothing that the image lacks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kit.cli.main import LOCAL, OPS, main

WITHOUT_BOTO3 = """\
import sys
sys.modules["boto3"] = sys.modules["botocore"] = None  # an import raises ImportError
from kit.cli.main import main
sys.argv = ["kit", *sys.argv[1:]]
sys.exit(main())
"""


def kit(app: Path, *arguments: str, program: tuple[str, ...] = ("-m", "kit")) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *program, *arguments], cwd=app, capture_output=True, text=True, timeout=60)


def test_help_lists_every_command_with_a_line_each(app: Path) -> None:
    done = kit(app, "--help")
    assert done.returncode == 0, done.stderr
    listed = re.findall(r"^    ([a-z-]+)\b", done.stdout, re.MULTILINE)
    assert sorted(listed) == sorted([*(module.replace("_", "-") for module in LOCAL), *OPS, "update"])


def test_help_needs_no_boto3(app: Path) -> None:
    done = kit(app, "--help", program=("-c", WITHOUT_BOTO3))
    assert done.returncode == 0, done.stderr
    assert "deploy" in done.stdout


@pytest.mark.parametrize("command", OPS)
def test_an_operation_without_boto3_is_a_usage_error(app: Path, command: str) -> None:
    done = kit(app, command, program=("-c", WITHOUT_BOTO3))
    assert done.returncode == 2, done.stderr
    assert f"`python -m kit {command}` needs boto3" in done.stderr


@pytest.mark.parametrize("command", sorted(OPS.keys() - {"exec"}))
def test_an_operation_has_help_of_its_own(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kit", command, "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m kit {command} ")
