"""Jobs a second through the SQS handler, beside Powertools' BatchProcessor with the same job.

The kit also hides a batch's messages for as long as their jobs may run, in one call to SQS, and deletes each finished
message except the last immediately, which Powertools leaves to the end of the batch: nine calls. These ten calls are not
included in the figures.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import containers

HERE = Path(__file__).resolve().parent / "inside"
SIZE = 10
"""Messages in a batch."""

QUIET = ["--env", "JOBS=local", "--env", "LOG_LEVEL=error"]
LOGGING = ["--env", "JOBS=sqs", "--env", "LOG_LEVEL=info"]


@dataclass
class Case:
    """One job, processed in two ways."""

    what: str
    ours: tuple[str, list[str]]
    """The job's name, and the settings."""
    theirs: tuple[str, str]
    """The handler, and the job's name."""
    ours_ms: list[float] = field(default_factory=list)
    """Milliseconds for each job."""
    theirs_ms: list[float] = field(default_factory=list)


def run(ours: str, theirs: str, options: list[str], *, turns: int, batches: int, core: int) -> list[Case]:
    """Measure each case in both images, alternately."""
    cases = [
        Case("one that reads and writes the database, with log line and metrics",
             ("app.jobs.draw", LOGGING), ("app.telling", "app.jobs.draw")),
        Case("an empty one, with log line and metrics", ("nothing.nothing", LOGGING), ("app.telling", "nothing")),
        Case("an empty one, without", ("nothing.nothing", QUIET), ("app.quiet", "nothing")),
    ]  # fmt: skip
    queues = ["--env", "JOBS_QUEUES=default=https://sqs.eu-central-1.amazonaws.com/123456789012/jobs"]
    for turn in range(turns):
        for case in cases:
            print(f"\rjobs, turn {turn + 1} of {turns}: {case.what:<68}", end="", file=sys.stderr, flush=True)
            job, mode = case.ours
            case.ours_ms += _batches(
                ours, "kit.aws_lambda.jobs.handler", job, batches, [*options, *queues, *mode], core
            )
            handler, job = case.theirs
            case.theirs_ms += _batches(theirs, handler, job, batches, options, core)
    print(f"\r{'':<100}\r", end="", file=sys.stderr, flush=True)
    return cases


def _batches(image: str, handler: str, job: str, batches: int, options: list[str], core: int) -> list[float]:
    inside = ["--volume", f"{HERE}:/bench:ro", "--cpuset-cpus", str(core), "--entrypoint", "python"]
    output = containers.run(image, ["/bench/batches.py", handler, job, str(batches)], options=[*options, *inside])
    return [milliseconds / SIZE for milliseconds in json.loads(output.splitlines()[-1])]
