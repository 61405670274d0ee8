"""What `jobs.json` tells: the queues, jobs and schedules that the app declares."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[3] / "jobs.json"


@dataclass(frozen=True)
class Queue:
    """One queue, as jobs call it."""

    name: str
    fifo: bool
    batch_size: int  # messages that Lambda takes at once
    receives: int  # after so many, SQS moves a message to the dead-letter queue

    @property
    def title(self) -> str:
        """Its name without the suffix of FIFO queues."""
        return self.name.removesuffix(".fifo")

    @property
    def suffix(self) -> str:
        """What SQS wants at the end of a FIFO queue's name."""
        return ".fifo" if self.fifo else ""


@dataclass(frozen=True)
class Manifest:
    """All of it."""

    queues: list[Queue]
    schedules: list[dict[str, Any]]

    @classmethod
    def read(cls) -> "Manifest":
        """Read the file."""
        told = json.loads(FILE.read_text(encoding="utf-8"))
        # One more than a job is tried: the app gives it up first, with the reason. AWS advises five at least.
        queues = [
            Queue(
                name=queue["name"],
                fifo=queue["fifo"],
                batch_size=queue["batch_size"],
                receives=max([5, *(job["attempts"] + 1 for job in told["jobs"] if job["queue"] == queue["name"])]),
            )
            for queue in told["queues"]
        ]
        return cls(queues, told["schedules"])
