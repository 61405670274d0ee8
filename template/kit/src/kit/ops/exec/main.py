"""The command line of `./exec`."""

from kit.ops.exec import attach, command, console, follow, local, options, ps, stop

VERBS = {"ps": ps.main, "stop": stop.main, "attach": attach.main, "follow": follow.main}


def main(arguments: list[str]) -> int:
    """Run the verb, or a session or command in a new task; return its exit code."""
    if arguments and arguments[0] in VERBS:
        return VERBS[arguments[0]](arguments[1:])
    args = options.parse(arguments)
    if args.local:
        return local.main(args)
    return command.main(args) if args.run else console.main(args)
