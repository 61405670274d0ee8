"""The command line: `python -m infra.ops COMMAND`. Most people call it through `make`."""

import argparse
import sys
from types import ModuleType

from botocore.exceptions import BotoCoreError, ClientError

from infra.ops import asking, cost, deploy, destroy, logs, policy, preview, rollback, secret, status
from kit.errors import UsageError

COMMANDS: list[ModuleType] = [cost, deploy, destroy, logs, policy, preview, rollback, secret, status]


def main() -> int:
    """Run one command; 2 when the person has something to mend first."""
    parser = argparse.ArgumentParser(prog="python -m infra.ops", description="What is done to a stage in AWS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.register(commands)
    arguments = parser.parse_args()
    try:
        return int(arguments.run(arguments) or 0)
    except (UsageError, ClientError, BotoCoreError) as error:
        policy = getattr(arguments, "policy", "deploy")
        told = error if isinstance(error, UsageError) else asking.sentence(error, policy=policy)
        print(f"\n{told}\n", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
