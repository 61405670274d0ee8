"""The command line of `./exec`."""

import sys

from kit.errors import UsageError
from kit.ops import retry
from kit.ops.exec import attach, command, console, follow, local, options, ps, stop

VERBS = {"ps": ps.main, "stop": stop.main, "attach": attach.main, "follow": follow.main}


def main(arguments: list[str]) -> int:
    """Run the command; give its exit code, 2 for an error that the user can fix, and 130 for Ctrl-C."""
    try:
        with retry.explained():
            return _run(arguments)
    except UsageError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in VERBS:
        return VERBS[arguments[0]](arguments[1:])
    told = options.read(arguments)
    if told.local:
        return local.main(told)
    return command.main(told) if told.run else console.main(told)
