"""The image's entry point on Lambda: AWS's runtime interface client, started in a way that shortens cold starts.

    python -m kit.aws_lambda.bootstrap kit.aws_lambda.web.handler

Modules come from the bytecode pack, the database connection is opened while the app is imported, and the garbage
collector is off until the import is complete, because hardly anything that an import creates is garbage.
"""

import gc
import os
import runpy
import sys

from kit.aws_lambda import bytecode_pack

__all__ = ["import_complete"]


def main() -> None:
    """Run `python -m awslambdaric` in this process; the handler is the command line's argument."""
    os.environ["_HANDLER"] = sys.argv[1]  # as AWS's base images do; OpenTelemetry reads it
    gc.disable()
    bytecode_pack.install()
    from kit.db import preconnect  # only now, so that it comes from the pack

    preconnect.open_connection()
    # As __main__, because that is where tools such as Sentry look for the runtime client in an image.
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


def import_complete() -> None:
    """Check the settings, and turn garbage collection on again; objects that exist by now are never examined.

    A handler's module calls this at its end. Raises `SettingsError`, which ends the start.
    """
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:  # while an image is built, a stage's settings are unknown
        from kit import settings

        settings.check()
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    main()
