"""Asks the registries for each image that generated projects pin by digest: `make check-images`.

A digest that is gone, that was never there, or that is for one processor alone breaks every new project, and no test on
a machine without the registry can tell. It needs Docker with buildx.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PINNED = re.compile(r"([\w./-]+:[\w.-]+@sha256:[0-9a-f]{64})")
PLATFORMS = {"linux/amd64", "linux/arm64"}


def pinned() -> dict[str, str]:
    """The images that files of the template pin, each with a file that does."""
    tracked = subprocess.run(["git", "ls-files", "template"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    files = [name for name in tracked.stdout.splitlines() if not name.endswith(".lock")]
    return {
        image: name
        for name in files
        for image in PINNED.findall(ROOT.joinpath(name).read_text(encoding="utf-8", errors="replace"))
        if not image.endswith("0" * 64)  # a placeholder where no image is deployed
    }


def problem(image: str) -> str:
    """What is wrong with an image at its registry; nothing if it is there for both processors."""
    command = ["docker", "buildx", "imagetools", "inspect", "--raw", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        return done.stderr.strip() or "the registry doesn't have it"
    platforms = [manifest.get("platform", {}) for manifest in json.loads(done.stdout).get("manifests", [])]
    missing = PLATFORMS - {f"{platform.get('os')}/{platform.get('architecture')}" for platform in platforms}
    return f"it is not for {', '.join(sorted(missing))}" if missing else ""


def main() -> int:
    """Print each image and what is wrong with it; return 1 if something is."""
    problems = 0
    for image, name in sorted(pinned().items()):
        wrong = problem(image)
        problems += bool(wrong)
        print(f"{image} ({name}): {wrong or 'found'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
