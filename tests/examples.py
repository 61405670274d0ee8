"""How many examples the generated tests try.

`EXAMPLES=10000 make test` raises all of them; the figures in issues and reports are taken that way.
"""

import os

from hypothesis import HealthCheck, settings


def examples(few: int) -> settings:
    """Try `few` examples, the same each time; or as many as the environment variable `EXAMPLES` says, at random."""
    number = os.environ.get("EXAMPLES")
    return settings(
        max_examples=int(number or few),
        derandomize=number is None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
