"""How often a page should ask for news: more rarely the more there is, since everybody who looks on asks.

headers = {"cache-control": f"public, s-maxage=1, max-age={polling.interval(message.posted_at for message in messages)}"}
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from kit import clock

__all__ = ["interval"]

OFTEN, RARELY = 3, 30
"""Seconds between two polls: while little is new, and while there is something new each second."""
MINUTE = timedelta(minutes=1)


def interval(times: Iterable[datetime]) -> int:
    """Return the seconds after which a page should ask again, 3 to 30.

    What is new each minute stands for the load: those who post are a part of those who look on.

    times: when the newest entries came, such as those of the page that is shown.
    """
    moments = sorted(times, reverse=True)
    recent = [moment for moment in moments if clock.now() - moment < MINUTE]
    if len(recent) < len(moments) or len(recent) < 2:
        return min(RARELY, OFTEN + len(recent) // 2)
    # All are from the last minute, so that there may be more: their own pace counts.
    span = max((recent[0] - recent[-1]).total_seconds(), 1)
    return min(RARELY, OFTEN + int(60 * (len(recent) - 1) / span) // 2)
