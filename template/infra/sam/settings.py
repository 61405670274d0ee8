"""Print a stage's settings as JSON, before it exists: those of its file, and the defaults of parts/main.yaml.

usage: settings.py STAGE
"""

import json
import re
import sys
import tomllib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
DEFAULT = re.compile(r"^  (\w+):\n(?:    .*\n)*?    Default: \"?(.*?)\"?\n", re.MULTILINE)


def main(stage: str) -> None:
    """Print the settings by their names in snake case."""
    file = FOLDER / "stages" / f"{stage}.toml"
    own = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    parameters = (FOLDER / "parts" / "main.yaml").read_text(encoding="utf-8").partition("\nRules:")[0]
    values = dict(DEFAULT.findall(parameters)) | own
    print(json.dumps({re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): value for name, value in values.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
