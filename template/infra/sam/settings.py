"""Prints what must be known of a stage before there is one: its processor, and the name of its database's secret.

usage: settings.py PROJECT STAGE
"""

import sys
import tomllib
from pathlib import Path

STAGES = Path(__file__).resolve().parent / "stages"


def main(project: str, stage: str) -> None:
    """Print both, or the defaults of parts/main.yaml."""
    file = STAGES / f"{stage}.toml"
    own = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    print(own.get("Architecture", "arm64"), own.get("DatabaseUrlSecret") or f"/{project}/{stage}/database-url")


if __name__ == "__main__":
    main(*sys.argv[1:])
