"""The command line of `./exec`."""

import sys

from botocore.exceptions import BotoCoreError, ClientError

from infra.ops import asking
from infra.ops.exec import attach, command, console, follow, local, options, ps, stop
from kit.errors import UsageError

VERBS = {"ps": ps.main, "stop": stop.main, "attach": attach.main, "follow": follow.main}


def main(arguments: list[str]) -> int:
    """Do what is asked, and give the exit code; 2 when the person has something to mend first."""
    if arguments and arguments[0] in VERBS:
        return VERBS[arguments[0]](arguments[1:])
    told = options.read(arguments)
    if told.local:
        return local.main(told)
    return command.main(told) if told.run else console.main(told)


def guarded(arguments: list[str]) -> int:
    """Tell errors in a sentence."""
    try:
        return main(arguments)
    except UsageError as error:
        print(f"\n{error}\n", file=sys.stderr)
    except (ClientError, BotoCoreError) as error:
        print(f"\n{asking.sentence(error)}\n", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 2


if __name__ == "__main__":
    sys.exit(guarded(sys.argv[1:]))
