"""Prints what must be known of a stage before there is one, as JSON: its processor, the name of its database's secret,
and who is told of alarms.

usage: settings.py STAGE
"""

import json
import sys
from pathlib import Path
from typing import Any

from system.settings import Settings, SettingsError

FILE = Path(__file__).resolve().parent / "cdk.json"


class Context:
    """What `cdk.json` sets, as constructs would see it."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told

    def try_get_context(self, name: str) -> Any:
        """What is set, or nothing."""
        return self.told.get(name)


def main(stage: str) -> None:
    """Print all three."""
    told = json.loads(FILE.read_text(encoding="utf-8"))["context"]
    no_image = "none@sha256:" + "0" * 64
    try:
        settings = Settings.of(Context(told | {"stage": stage, "image": no_image}))
    except SettingsError as error:
        sys.exit(str(error))
    print(json.dumps([settings.architecture, settings.secret, settings.alarm_email]))


if __name__ == "__main__":
    main(*sys.argv[1:])
