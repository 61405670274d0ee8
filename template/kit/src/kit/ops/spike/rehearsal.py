"""`make spike LOCAL=1`: as many environments as this machine bears, started at once, on a real MySQL server over TLS."""

import math
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from kit.coldstart import build_bytecode_pack
from kit.db.mysql import container
from kit.db.mysql.connection import MySQLConnection
from kit.errors import UsageError
from kit.ops.spike import environments, this_machine
from kit.ops.spike.environments import Burst, Database
from kit.ops.spike.this_machine import LocalForecast
from kit.ops.stage import project_name

MOST, MOST_REQUESTS = 400, 100
"""Environments, and requests of each."""
MB = 100
"""Of memory for each environment, its emulator and its connection."""
SHARE = 0.75
"""Of the memory that may be used."""
ROUNDS, ON_EACH_CORE, ROUND_REQUESTS = 2, 4, 20
"""Small bursts before and after the large one, from which its forecast takes the app's times."""
MIGRATE = ["python", "-m", "kit", "migrate"]


@dataclass(frozen=True)
class Machine:
    """What the container engine has."""

    cores: int
    memory: float
    """MB."""

    @property
    def bears(self) -> int:
        """How many environments fit into its memory."""
        return min(MOST, int(self.memory * SHARE / MB))


@dataclass(frozen=True)
class Rehearsal:
    """What was measured, and the forecast for it."""

    machine: Machine
    burst: Burst
    forecast: LocalForecast

    @property
    def p95(self) -> float:
        """Of all responses, in milliseconds; 0 if there are none."""
        times = sorted(self.burst.first + self.burst.later)
        return times[math.ceil(len(times) * 0.95) - 1] if times else 0.0

    def as_json(self) -> dict[str, Any]:
        """The numbers for programs."""
        return asdict(self) | {"p95": self.p95}


def machine() -> Machine:
    """Ask the container engine; raises `UsageError` if there is none."""
    if not shutil.which("docker"):
        raise UsageError("LOCAL=1 needs Docker, which is not installed or not on the PATH: https://docs.docker.com")
    form = ["docker", "info", "--format", "{{.NCPU}} {{.MemTotal}}"]
    done = subprocess.run(form, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UsageError(f"LOCAL=1 needs Docker, whose engine doesn't answer: {done.stderr.strip()[-300:]}")
    cores, memory = done.stdout.split()
    return Machine(int(cores), int(memory) / 1e6)


def run(count: int | None, requests: int, path: str) -> Rehearsal:
    """Rehearse with the project's image; raises `UsageError` if this machine doesn't bear it.

    count: environments; without it, as many as fit. requests: of each, for the page at `path`.
    """
    here = machine()
    if count is not None and not 1 <= count <= here.bears:
        raise UsageError(
            f"This machine bears {here.bears} environments at most: {MB} MB each of {SHARE:.0%} of {here.memory:,.0f} MB, "
            f"and never more than {MOST}. Choose fewer: make spike LOCAL=1 ENVIRONMENTS={here.bears}"
        )
    if not 1 <= requests <= MOST_REQUESTS:
        raise UsageError(f"A rehearsal sends each environment 1 to {MOST_REQUESTS} requests, not {requests:,}.")
    image = os.environ.get("ARG_IMAGE") or project_name()
    environments.image_of(image)
    server = container.start(f"--max-connections={MOST + 50}", "--require-secure-transport=ON")
    with environments.emulator_folder() as emulator:
        return measure(
            image,
            of_server(server),
            here,
            count=count or here.bears,
            requests=requests,
            event=build_bytecode_pack.http_event(path),
            emulator=emulator,
            prepare=MIGRATE,
        )


def of_server(server: container.Server) -> Database:
    """The database that the project's own container serves."""

    def connections() -> int:
        with closing(MySQLConnection.to(server.url, server.ca)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) - 1 FROM information_schema.processlist")  # without this one
            return int(cursor.fetchall()[0][0])

    password = server.url.removeprefix("mysql://app:").partition("@")[0]
    return Database(server.container, f"mysql://app:{password}@127.0.0.1:3306/app", Path(server.ca), connections)


def measure(
    image: str,
    database: Database,
    machine: Machine,
    *,
    count: int,
    requests: int,
    event: dict[str, Any],
    emulator: Path,
    prepare: Sequence[str] = (),
    options: Sequence[str] = (),
    rounds: int = ROUNDS,
) -> Rehearsal:
    """Let the burst happen, between small ones from which its forecast takes the app's times.

    On both sides of it, because what else the machine does changes. rounds: small bursts. For the other parameters see
    `environments.run`.
    """

    def burst(count: int, requests: int, *prepare: str) -> Burst:
        return environments.run(
            image,
            database,
            environments=count,
            requests=requests,
            event=event,
            emulator=emulator,
            prepare=prepare,
            options=options,
        )

    many = ON_EACH_CORE * machine.cores
    small = [burst(many, ROUND_REQUESTS, *prepare)]
    if wrong := [*small[0].failed, *small[0].lost]:
        raise UsageError(f"The page fails in the image {image}, so there is nothing to rehearse: {wrong[0]}")
    small += [burst(many, ROUND_REQUESTS) for _ in range(rounds // 2 - 1)]
    large = burst(count, requests)
    small += [burst(many, ROUND_REQUESTS) for _ in range(rounds - len(small))]
    expected = this_machine.forecast(
        environments=count,
        requests=requests,
        cold_ms=mean(max(each.first) for each in small) / ON_EACH_CORE,
        warm_ms=median(milliseconds for each in small for milliseconds in each.later) / ON_EACH_CORE,
        cores=machine.cores,
    )
    return Rehearsal(machine, large, expected)


def lines(rehearsal: Rehearsal) -> Iterator[str]:
    """The result for a terminal, with the forecast beside it."""
    burst, expected = rehearsal.burst, rehearsal.forecast
    answered = burst.environments * burst.requests - len(burst.lost) - len(burst.failed)
    yield f"{burst.environments} environments at once on {rehearsal.machine.cores} cores, {burst.requests} requests each"
    yield f"  answered        {answered:,} of {burst.environments * burst.requests:,}"
    yield f"  failed          {len(burst.failed)}"
    yield f"  lost            {len(burst.lost)}"
    yield f"  connections     {burst.connections} to MySQL, over TLS"
    yield f"  last answer     after {burst.seconds:.1f} s (forecast {expected.seconds:.1f} s)"
    yield f"  p95             {rehearsal.p95:,.0f} ms (forecast {expected.p95:,.0f} ms)"
    if burst.first:
        yield f"  first answers   {median(burst.first):,.0f} ms, median"
    if burst.later:
        yield f"  later answers   {median(burst.later):,.1f} ms, median"
    yield f"  memory          {median(burst.memory):.0f} MB an environment, {sum(burst.memory) / 1000:.1f} GB all"
    for text in (*burst.failed, *burst.lost)[:1]:
        yield f"\nThe first failure:\n{text}"
