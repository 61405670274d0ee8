"""Print the settings that are needed before a stage exists, as JSON: its processor, the name of its database secret,
the email address for alarms, the monthly budget, and the VPC of tasks with its subnets.

usage: settings.py PROJECT STAGE
"""

import json
import sys
import tomllib
from pathlib import Path

STAGES = Path(__file__).resolve().parent / "stages"


def main(project: str, stage: str) -> None:
    """Print the settings; the defaults are those of parts/main.yaml and, of what only `make deploy` uses, of README.md."""
    file = STAGES / f"{stage}.toml"
    own = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    secret = own.get("DatabaseUrlSecret") or f"/{project}/{stage}/database-url"
    network = own.get("VpcId", ""), [subnet for subnet in own.get("SubnetIds", "").split(",") if subnet]
    email, budget = own.get("AlarmEmail", ""), own.get("MonthlyBudget", 20)
    print(json.dumps([own.get("Architecture", "arm64"), secret, email, budget, *network]))


if __name__ == "__main__":
    main(*sys.argv[1:])
