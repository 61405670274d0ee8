"""The parts of a machine that some tests need: without one they are skipped in one line; in CI they fail."""

import os
import shutil
from typing import NoReturn

import pytest


def missing(part: str, why: str) -> NoReturn:
    """Skip the test that needs `part`; where CI was set (see conftest.py), which has every part, fail it."""
    sentence = f"needs {part}: {why}"
    if os.environ.get("TESTS_IN_CI", "").lower() not in {"", "0", "false"}:
        pytest.fail(f"{sentence} (and CI must have it)", pytrace=False)
    pytest.skip(sentence)


def program(*names: str) -> str:
    """Give the path of the first of these programs that the machine has."""
    for name in names:
        if found := shutil.which(name):
            return found
    missing(names[0], "there is no such program on the PATH")
