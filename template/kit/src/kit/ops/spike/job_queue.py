"""The jobs that requests enqueue, and Lambda's pollers that run them."""

from dataclasses import dataclass

from kit.ops.spike.scenario import Scenario

FIRST, MORE_PER_MINUTE, MOST = 5, 300, 1250
"""Batches at once when a queue becomes active, those added in a minute while jobs wait, and the limit of both.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""


@dataclass
class JobQueue:
    """A standard queue. Its jobs are a quantity, not single ones: some are waiting, some are partly done."""

    scenario: Scenario
    waiting: float = 0.0
    busy: int = 0
    """Environments that run jobs."""
    done: float = 0.0
    active: float = 0.0
    """Seconds since it became active."""

    def step(self, seconds: float, free: int) -> None:
        """Run jobs for that long, in at most `free` environments."""
        scenario = self.scenario
        if self.waiting < 1e-6:
            self.busy, self.active, self.waiting = 0, 0.0, 0.0
            return
        pollers = min(FIRST + int(MORE_PER_MINUTE / 60 * self.active), MOST, int(scenario.jobs_concurrency))
        # Few jobs are few batches: they arrive one by one, and an idle poller takes what is there.
        self.busy = max(0, min(pollers, free, max(1, round(self.waiting))))
        finished = min(self.waiting, self.busy * seconds * 1000 / max(scenario.job_ms, 0.01))
        self.waiting -= finished
        self.done += finished
        self.active += seconds
