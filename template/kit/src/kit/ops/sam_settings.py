"""Print the settings that are needed before a stage exists, as JSON: its processor, the name of its database secret,
and the email address for alarms.

usage: settings.py PROJECT STAGE
"""

import json
import sys
import tomllib
from pathlib import Path

STAGES = Path(__file__).resolve().parent / "stages"


def main(project: str, stage: str) -> None:
    """Print the settings; the defaults are those of parts/main.yaml."""
    file = STAGES / f"{stage}.toml"
    own = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    secret = own.get("DatabaseUrlSecret") or f"/{project}/{stage}/database-url"
    print(json.dumps([own.get("Architecture", "arm64"), secret, own.get("AlarmEmail", "")]))


if __name__ == "__main__":
    main(*sys.argv[1:])
