"""The command line: `python -m infra.ops COMMAND`. Most people call it through `make`."""

import argparse
import sys
from types import ModuleType

from infra.ops import cost, preview
from kit.errors import UsageError

COMMANDS: list[ModuleType] = [cost, preview]


def main() -> int:
    """Run one command; 2 when the person has something to mend first."""
    parser = argparse.ArgumentParser(prog="python -m infra.ops", description="What is done to a stage in AWS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.register(commands)
    arguments = parser.parse_args()
    try:
        return int(arguments.run(arguments) or 0)
    except UsageError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
