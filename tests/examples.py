"""How many examples the generated tests try.

`EXAMPLES=10000 make test` raises all of them; the figures in issues and reports are taken that way.
"""

import os

from hypothesis import HealthCheck, settings


def examples(few: int) -> settings:
    """Try `few` examples, or as many as the environment variable `EXAMPLES` says, without a time limit on each."""
    number = int(os.environ.get("EXAMPLES", few))
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=number, deadline=None, suppress_health_check=checks)
