"""Print the settings that are needed before a stage exists, as JSON: its processor, the name of its database secret,
the email address for alarms, the monthly budget, and the VPC of tasks with its subnets.

usage: settings.py STAGE
"""

import json
import sys
from pathlib import Path
from typing import Any

from system.settings import Settings, SettingsError

FILE = Path(__file__).resolve().parent / "cdk.json"


class Context:
    """The context of `cdk.json`, with a construct node's interface."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def try_get_context(self, name: str) -> Any:
        """A value, or None."""
        return self.values.get(name)


def main(stage: str) -> None:
    """Print the settings."""
    context = json.loads(FILE.read_text(encoding="utf-8"))["context"]
    no_image = "none@sha256:" + "0" * 64
    try:
        settings = Settings.of(Context(context | {"stage": stage, "image": no_image}))
    except SettingsError as error:
        sys.exit(str(error))
    network = settings.vpc_id, settings.subnet_ids.split(",") if settings.subnet_ids else []
    print(json.dumps([settings.architecture, settings.secret, settings.alarm_email, settings.monthly_budget, *network]))


if __name__ == "__main__":
    main(*sys.argv[1:])
