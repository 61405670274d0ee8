"""The manifest, `jobs.json`: the queues, jobs, schedules and events that the app declares."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[3] / "jobs.json"


@dataclass(frozen=True)
class Queue:
    """A queue."""

    name: str
    fifo: bool
    batch_size: int  # messages per invocation
    max_receive_count: int  # receives after which SQS moves a message to the dead-letter queue
    alarm_age: int  # seconds; a job counts while it runs, on Fargate for hours

    @property
    def title(self) -> str:
        """Its name without the suffix of FIFO queues."""
        return self.name.removesuffix(".fifo")

    @property
    def suffix(self) -> str:
        """The suffix that SQS requires for FIFO queues."""
        return ".fifo" if self.fifo else ""


@dataclass(frozen=True)
class Manifest:
    """The whole manifest."""

    queues: list[Queue]
    schedules: list[dict[str, Any]]
    events: list[dict[str, Any]]

    @classmethod
    def read(cls, kept_queues: list[str]) -> "Manifest":
        """Read jobs.json, and add the queues that stay though it no longer has them: they may hold jobs."""
        manifest = json.loads(FILE.read_text(encoding="utf-8"))
        kept = [
            {"name": name, "fifo": name.endswith(".fifo"), "batch_size": 1 if name.endswith(".fifo") else 10}
            for name in kept_queues
        ]
        # One more than a job's attempts: the app dead-letters it first, with the reason. AWS recommends at least five.
        queues = [
            Queue(
                name=queue["name"],
                fifo=queue["fifo"],
                batch_size=queue["batch_size"],
                max_receive_count=max(
                    [
                        5,
                        *(
                            job["attempts"] + 1
                            for job in manifest["jobs"]
                            if job["queue"] == queue["name"] or queue in kept
                        ),
                    ]
                ),
                alarm_age=1800
                + max([0, *(job["max_runtime"] for job in manifest["jobs"] if job["queue"] == queue["name"])]),
            )
            for queue in sorted(manifest["queues"] + kept, key=lambda queue: queue["name"])
        ]
        return cls(queues, manifest["schedules"], manifest.get("events", []))
