"""Pages that poll are asked to do it more rarely while much is new."""

from datetime import UTC, datetime, timedelta

import pytest

from kit.testing import frozen_clock
from kit.web.polling import OFTEN, RARELY, interval

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def every(seconds: float, *, number: int = 20, ago: float = 0) -> list[datetime]:
    """The times of entries, newest first."""
    return [NOW - timedelta(seconds=ago + seconds * index) for index in range(number)]


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ([], OFTEN),
        (every(1, ago=3600), OFTEN),
        (every(60), OFTEN),
        (every(10), 6),
        (every(3), 13),
        (every(1.5), 23),
        (every(0.1), RARELY),
        (every(0), RARELY),
        (every(-1, number=1, ago=-5), OFTEN),
    ],
    ids=["nothing", "an hour ago", "one a minute", "6 a minute", "20", "40", "600", "all at once", "a clock ahead"],
)
def test_the_more_is_new_the_more_rarely_a_page_asks(times: list[datetime], seconds: int) -> None:
    with frozen_clock(NOW):
        assert interval(reversed(times)) == seconds


def test_more_news_never_makes_a_page_ask_more_often() -> None:
    with frozen_clock(NOW):
        waits = [interval(every(60 / a_minute)) for a_minute in range(1, 200)]
    assert waits == sorted(waits)
