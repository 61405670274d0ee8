"""A spike request by request, as the oracle for `kit.ops.spike.simulation`: each request and each poller is a process of SimPy.

Only the scenario and the moments of arrival are shared with what it checks.
"""

import math
import random
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from kit.ops.spike.scenario import Scenario

BATCH = 10
Z99 = 2.3263478740408408


@dataclass
class Bucket:
    """Tokens that are refilled evenly, up to a limit."""

    env: simpy.Environment
    rate: float
    limit: float
    tokens: float = field(init=False)
    since: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.limit

    def take(self) -> bool:
        self.tokens = min(self.limit, self.tokens + (self.env.now - self.since) * self.rate)
        self.since = self.env.now
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True


class ExactSpike:
    """Runs when it is made; the attributes have the result."""

    def __init__(self, scenario: Scenario, moments: list[float], seed: int) -> None:
        self.scenario, self.rng, self.env = scenario, random.Random(seed), simpy.Environment()
        self.counts: Counter[str] = Counter()
        self.idle = self.busy = self.environments = self.most_busy = self.jobs_busy = self.pollers = 0
        self.waiting: list[float] = []
        self.milliseconds: list[float] = []
        self.queue_empty = self.active_since = 0.0
        self.api = Bucket(self.env, scenario.throttle_rate, max(1.0, scenario.throttle_burst))
        self.scaling = Bucket(self.env, scenario.scaling / 10, scenario.scaling)
        for moment in moments:
            self.env.process(self.request(moment))
        self.env.run()

    def lasts(self, median: float) -> float:
        sigma = math.log(self.scenario.spread) / Z99
        return median * math.exp(self.rng.gauss(0, sigma)) / 1000

    def request(self, moment: float) -> Generator[Any, Any, None]:
        scenario = self.scenario
        yield self.env.timeout(moment)
        if not self.api.take():
            self.counts["api"] += 1
            return
        if self.idle:
            self.idle -= 1
            kind, seconds = "warm", self.lasts(scenario.warm_ms)
        else:
            limit = scenario.environments - self.jobs_busy if scenario.reserved < 0 else scenario.reserved
            if self.busy + 1 > limit:
                self.counts["quota"] += 1
                return
            if not self.scaling.take():
                self.counts["scaling"] += 1
                return
            self.environments += 1
            kind, seconds = "cold", self.lasts(scenario.cold_ms)
        self.counts[kind] += 1
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        self.milliseconds.append(seconds * 1000 + scenario.network_ms)
        if self.rng.random() < scenario.jobs / scenario.requests:
            self.enqueue()
        yield self.env.timeout(max(seconds, 1 / scenario.environment_rate))
        self.busy -= 1
        self.idle += 1

    def enqueue(self) -> None:
        self.waiting.append(self.env.now)
        if not self.pollers:
            self.active_since = self.env.now
        self.poll()

    def poll(self) -> None:
        """Start as many pollers as there may be."""
        allowed = 5 + int((self.env.now - self.active_since) * 300 / 60)
        while self.pollers < min(allowed, 1250, self.scenario.jobs_concurrency):
            self.pollers += 1
            self.env.process(self.poller())

    def poller(self) -> Generator[Any, Any, None]:
        scenario = self.scenario
        while self.waiting:
            if self.busy + self.jobs_busy + 1 > scenario.environments:
                yield self.env.timeout(0.05)
                continue
            batch, self.waiting = self.waiting[:BATCH], self.waiting[BATCH:]
            self.jobs_busy += 1
            self.poll()
            yield self.env.timeout(len(batch) * scenario.job_ms / 1000)
            self.jobs_busy -= 1
            self.counts["jobs"] += len(batch)
            self.queue_empty = self.env.now
        self.pollers -= 1
