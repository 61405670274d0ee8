"""The image as the jobs' Lambda function, in AWS's runtime emulator."""

from collections.abc import Iterator
from typing import Any

import pytest

import containers
import events
import rie


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of a container with a SQLite file, which also has the queue."""
    folder = tmp_path_factory.mktemp("database")
    folder.chmod(0o777)
    return ["--volume", f"{folder}:/database", "--env", "DATABASE_URL=sqlite:////database/app.db"]


def kit(image: str, database: list[str], *arguments: str) -> str:
    """Run `python -m kit …` in the image, and return its output."""
    options = [*rie.AS_ON_LAMBDA, *database, "--entrypoint", "python"]
    return containers.run(image, ["-m", "kit", *arguments], options=options)


@pytest.fixture(scope="module")
def jobs(image: str, database: list[str]) -> Iterator[rie.Function]:
    """The jobs' function."""
    kit(image, database, "migrate")
    with rie.function(image, handler="kit.aws_lambda.jobs.handler", options=database) as function:
        yield function


def test_a_schedule_that_is_due_enqueues_its_job(image: str, database: list[str], jobs: rie.Function) -> None:
    assert jobs.invoke({"schedule": "prune", "time": "2026-01-31T03:00:00Z"}) is None
    assert "queue default: 1 waiting or running" in kit(image, database, "jobs", "list")


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (events.http(), ", ".join(sorted(events.http()))),
        ({}, ""),
        ([], "list"),
        ("text", "str"),
        ({"Records": []}, "Records"),
        ({"Records": [{"eventSource": "aws:s3"}]}, "Records"),
        ({"schedule": "app.jobs.prune"}, "schedule"),
        ({"schedule": "app.jobs.prune", "time": 1}, "schedule, time"),
    ],
    ids=["a request", "nothing", "a list", "a text", "no records", "other records", "no time", "no text as time"],
)
def test_any_other_event_gets_an_error_with_a_hint(jobs: rie.Function, event: Any, keys: str) -> None:
    answer = jobs.invoke(event)
    assert answer["errorType"] == "UnknownEvent"
    assert answer["errorMessage"] == (
        "The jobs' function takes batches from SQS, ticks of schedules and records of DynamoDB streams, not an event "
        f"with: {keys}. Is it behind the right trigger? Web requests go to kit.aws_lambda.web.handler."
    )
