"""Starts and requests, in turns, so that what else the machine does falls on all contenders alike."""

import gzip
import html
import statistics
import sys
from collections.abc import Iterable
from contextlib import ExitStack, nullcontext
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


AT_ONCE = 50
"""Requests to one environment before it is the next one's turn."""


def run(
    images: dict[Contender, str], options: list[str], *, starts: int, warm_starts: int, requests: int, core: int
) -> dict[Contender, Measured]:
    """Start each so often; as many as `warm_starts` of those environments also answer so many requests."""
    seen = {contender: Measured() for contender in images}
    for number in range(starts):
        with ExitStack() as running:
            warm: dict[Contender, environment.Environment] = {}
            for contender, image in images.items():
                _tell(f"round {number + 1} of {starts}: {contender.name}")
                stack = running if number < warm_starts else ExitStack()
                with nullcontext() if stack is running else stack:
                    started = stack.enter_context(environment.started(image, core=core, options=options))
                    first = started.invoke(environment.PAGE)
                    check(contender, first.said)
                    seen[contender].cold.append(first.took)
                    seen[contender].init.append(started.init())
                    warm[contender] = started
            if number < warm_starts:
                _visit(warm, requests, seen)
    _tell("")
    return seen


def _visit(warm: dict[Contender, environment.Environment], requests: int, seen: dict[Contender, Measured]) -> None:
    """Send so many requests to each; the first fifth warms up, and is not counted."""
    for sent in range(0, requests, AT_ONCE):
        for contender, started in warm.items():
            _tell(f"request {sent} of {requests}: {contender.name}")
            answers = [started.invoke(environment.PAGE) for _ in range(min(AT_ONCE, requests - sent))]
            check(contender, answers[-1].said)
            if sent >= requests // 5:
                seen[contender].warm += [answer.took for answer in answers]
    for contender, started in warm.items():
        seen[contender].memory.append(started.memory())


def _tell(what: str) -> None:
    print(f"\r{what:<78}\r", end="", file=sys.stderr, flush=True)


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
