"""Pins the version of uv that generated projects use: `python3 pin_uv.py 0.14.0`.

Rewrites the version and the SHA-256 of each wheel in template/kit/uvw.py, and the image of uv in the benchmark's Dockerfile. The
hashes come from the package index that uvw would use. Without an argument it takes the newest version.
"""

import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
UVW = ROOT / "template" / "kit" / "uvw.py"
DOCKERFILE = ROOT / "bench" / "contenders" / "Dockerfile"
PLATFORMS = (
    "macosx_10_12_x86_64",
    "macosx_11_0_arm64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    "manylinux_2_17_armv7l.manylinux2014_armv7l.musllinux_1_1_armv7l",
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "musllinux_1_1_x86_64",
)
"""The wheels' platform tags that template/kit/uvw.py knows."""


def index_hashes() -> dict[str, str]:
    """Return the SHA-256 of every file of uv that the index has, by file name."""
    uvw = runpy.run_path(str(UVW))
    index = uvw["check_indexes"]()
    _, text = uvw["index_page"](index, uvw["index_opener"](index))
    return dict(re.findall(r"/(uv-[^/\"'#]+)#sha256=([0-9a-f]{64})", text))


def newest(hashes: dict[str, str]) -> str:
    """Return the newest version among file names; pre-releases don't count."""
    versions = re.findall(r"^uv-(\d+)\.(\d+)\.(\d+)-", "\n".join(hashes), re.MULTILINE)
    return ".".join(max(versions, key=lambda version: tuple(map(int, version))))


def pinned(script: str, version: str, hashes: dict[str, str]) -> str:
    """Return the text of `uvw` with another version and its hashes, which are by file name."""
    table = "".join(f'    "{tag}": "{hashes[f"uv-{version}-py3-none-{tag}.whl"]}",\n' for tag in PLATFORMS)
    script = re.sub(r'^VERSION = ".*"$', f'VERSION = "{version}"', script, flags=re.MULTILINE)
    return re.sub(r"^SHA256 = \{\n(?: .*\n)*\}$", f"SHA256 = {{\n{table}}}", script, flags=re.MULTILINE)


def main(version: str | None = None) -> None:
    """Pin a version, or the newest one."""
    hashes = index_hashes()
    version = version or newest(hashes)
    UVW.write_text(pinned(UVW.read_text(encoding="utf-8"), version, hashes), encoding="utf-8")
    text = DOCKERFILE.read_text(encoding="utf-8")
    DOCKERFILE.write_text(re.sub(r"(astral-sh/uv):[\d.]+", rf"\1:{version}", text), encoding="utf-8")
    print(f"uv {version} is pinned.")


if __name__ == "__main__":
    main(*sys.argv[1:])
