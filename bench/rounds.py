"""Starts and requests, in turns, so that what else the machine does falls on all contenders alike."""

import gzip
import html
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

import events
from bench import environment
from bench.contender import Contender
from bench.database import TEXTS


@dataclass
class Measured:
    """What was seen of one contender: a figure of each start, and of each request."""

    cold: list[float] = field(default_factory=list)
    init: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def first(self) -> list[float]:
        """The first response alone, without the start of the process before it."""
        return [cold - init for cold, init in zip(self.cold, self.init, strict=True)]


def run(
    images: dict[Contender, str], options: list[str], *, starts: int, warm_starts: int, requests: int, core: int
) -> dict[Contender, Measured]:
    """Start each so often; as many as `warm_starts` of those environments also answer so many requests."""
    seen = {contender: Measured() for contender in images}
    for number in range(starts):
        for contender, image in images.items():
            print(f"\rround {number + 1} of {starts}: {contender.name:<48}", end="", file=sys.stderr, flush=True)
            with environment.started(image, core=core, options=options) as started:
                first = started.invoke(environment.PAGE)
                check(contender, first.said)
                seen[contender].cold.append(first.took)
                seen[contender].init.append(started.init())
                if number < warm_starts:
                    answers = [started.invoke(environment.PAGE) for _ in range(requests)]
                    check(contender, answers[-1].said)
                    seen[contender].warm += [answer.took for answer in answers[requests // 5 :]]
                    seen[contender].memory.append(started.memory())
    print(f"\r{'':<80}\r", end="", file=sys.stderr, flush=True)
    return seen


def check(contender: Contender, answer: dict[str, object]) -> None:
    """Make sure that this is the page, with all ten messages, the newest first."""
    if answer.get("statusCode") != 200:
        raise SystemExit(f"{contender.name} answered: {str(answer)[:2000]}")
    if contender.reads:
        body = events.content(answer)
        page = html.unescape((gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode())
        places = [page.find(text) for text in reversed(TEXTS)]
        if -1 in places or places != sorted(places) or "<style" not in page or "<script" not in page:
            raise SystemExit(f"{contender.name} answered with another page: {page[:2000]}")


def spread(values: Iterable[float]) -> tuple[float, float, float]:
    """The median, and the quartiles around it."""
    ordered = sorted(values)
    if len(ordered) < 2:
        return ordered[0], ordered[0], ordered[0]
    low, middle, high = statistics.quantiles(ordered, n=4)
    return middle, low, high
