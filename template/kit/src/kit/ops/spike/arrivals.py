"""When each request of a spike comes: the visitors at random moments, their further requests after random pauses."""

import math
from array import array
from dataclasses import dataclass
from random import Random

from kit.ops.spike.scenario import Scenario

SLICES = 150_000
"""Time slices of a spike, about."""
FINEST, COARSEST = 1000, 100
"""Time slices of a second: of a short spike, and of a long one."""
SAMPLE = 50_000
"""Visitors whose requests are remembered one by one, to tell what one person meets."""


@dataclass(frozen=True)
class Arrivals:
    """How many requests come in each time slice."""

    slice: float
    """Seconds."""
    counts: "array[int]"
    sample: "array[int]"
    """The slices of the requests of some visitors, one visitor after another."""


def draw(scenario: Scenario, rng: Random) -> Arrivals:
    """Draw them. People come at a rate that rises evenly for `ramp` seconds, and is constant from then on."""
    length = 1 / round(max(COARSEST, min(FINEST, SLICES / scenario.seconds)))
    ramp = min(scenario.ramp, scenario.seconds)
    rest = scenario.seconds - ramp
    visitors, requests, pause = int(scenario.visitors), int(scenario.requests), scenario.pause
    # A sum of n pauses exceeds this less than once in 10^9 times; what does is moved there.
    last = int((scenario.seconds + pause * (requests + 25 + 8 * math.sqrt(requests))) / length)
    counts, sample = array("L", [0]) * (last + 1), array("L")
    random, log = rng.random, math.log
    for visitor in range(visitors):
        # The area under the rate: a triangle up to `ramp`, then a rectangle.
        area = random() * (ramp / 2 + rest)
        moment = math.sqrt(2 * ramp * area) if area < ramp / 2 else ramp / 2 + area
        remembered = visitor < SAMPLE
        for number in range(requests):
            if number:
                moment -= log(1.0 - random()) * pause
            at = min(int(moment / length), last)
            counts[at] += 1
            if remembered:
                sample.append(at)
    while len(counts) > 1 and not counts[-1]:
        counts.pop()
    return Arrivals(length, counts, sample)
