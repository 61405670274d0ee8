"""The CDN: which requests it answers itself, and which it passes on to the app."""

from array import array
from dataclasses import dataclass
from random import Random

from kit.ops.spike.arrivals import Arrivals
from kit.ops.spike.scenario import Scenario


@dataclass(frozen=True)
class Passed:
    """What reaches the API in each time slice."""

    waiting: "array[int]"
    """Requests whose visitors wait for the app."""
    background: "array[int]"
    """Requests by which the CDN renews a page, while it still answers with the old one: stale-while-revalidate."""


def pass_on(scenario: Scenario, arrivals: Arrivals, rng: Random) -> Passed:
    """Keep each page in each cache for its time to live; without a CDN, everything is passed on.

    Requests for the same page at the same moment are one: a cache asks for it once.
    Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
    """
    waiting, background = (array("L", [0]) * len(arrivals.counts) for _ in range(2))
    if not scenario.cdn:
        return Passed(arrivals.counts, background)
    copies = int(scenario.pages * scenario.caches)
    ttl = scenario.ttl / arrivals.slice
    renewed = [-1.0] * copies  # when each copy was fetched
    random, cacheable = rng.random, scenario.cacheable
    for at, number in enumerate(arrivals.counts):
        for _ in range(number):
            if random() >= cacheable:
                waiting[at] += 1
                continue
            copy = int(random() * copies)
            if renewed[copy] < 0:
                waiting[at] += 1
                renewed[copy] = at
            elif at - renewed[copy] >= ttl:
                background[at] += 1
                renewed[copy] = at
    return Passed(waiting, background)
