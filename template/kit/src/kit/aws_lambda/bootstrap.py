"""The image's entry point on Lambda: `python -m kit.aws_lambda.bootstrap kit.aws_lambda.web.handler`, so that a cold start is short.

It serves the handler after what makes its import faster: modules come from one file, the connection to the database is
opened meanwhile, and no garbage is looked for among what a start makes, since none of it is.
"""

import gc
import sys

from kit.coldstart import bytecode_pack


def main() -> None:
    """Be a Lambda environment, for good."""
    gc.disable()
    bytecode_pack.use()
    from kit.aws_lambda import runtime
    from kit.db import preconnect

    preconnect.open_connection()
    runtime.run(sys.argv[1])


def done() -> None:
    """Called once the app is imported: what is there by now stays, so it is never looked through again."""
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    main()
