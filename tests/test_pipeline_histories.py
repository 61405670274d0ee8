"""Random histories of merges, re-runs, cancellations, rollbacks and previews: GitHub and AWS in memory, the kit's own code.

PIPELINE_HISTORIES=200 plays that many.
"""

import os
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kit import clock
from kit.ops import (
    aws_account,
    commits,
    deploy,
    deployed,
    exclusive_task,
    github,
    health_check,
    iac,
    image,
    preview,
    preview_end,
    queues,
    secret_versions,
    stage,
    stage_settings,
)
from kit.ops.queues import Undeclared
from kit.ops.releases import Releases
from kit.planetscale import production
from pipeline_world import REGIONS, World
from releases import git
from workflows import workflows

HISTORIES = int(os.environ.get("PIPELINE_HISTORIES", "5"))
COMMITS = 40
EVENTS = (
    "merge",
    "re-run",
    "rollback",
    "open",
    "push",
    "move",
    "close",
    "re-run preview",
    "laptop",
    "week",
    "work",
    "work",
    "work",
)
MEANWHILE = ("cancel", "fail", "merge", "close", "work")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose main has many commits."""
    folder = tmp_path_factory.mktemp("clone")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for number in range(COMMITS):
        git(folder, "commit", "--quiet", "--allow-empty", "--message", str(number))
    return folder


@pytest.fixture
def new_world(app: Path, clone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes a world for one history, which the kit's modules then live in."""
    files, hashes = workflows(app), git(clone, "rev-list", "--reverse", "main").split()
    world = World(files, hashes, clone)

    def renewed() -> World:
        nonlocal world
        world = World(files, hashes, clone)
        return world

    def applied(target: str, *_: Any, **__: Any) -> None:
        world.request(target)
        if target == "infra-apply":
            world.functions.latest = world.built
            for part in ("web", "jobs"):
                world.functions.aliases.setdefault(
                    f"my-app-prod-{part}", {"FunctionVersion": "$LATEST", "Description": ""}
                )

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for module, name, act in (
        (aws_account, "account", lambda: world.account()),
        (clock, "now", lambda: world.now),
        (commits, "PROJECT", clone),
        (stage, "PROJECT", app),
        (github, "tip", lambda branch: hashes[world.tip]),
        (github, "pull_request", lambda number: world.pulls[number]),
        (deploy, "check_prerequisites", lambda stage: (world.account(), iac.Settings(database_secret=""), "")),
        (deploy.new_account, "lacking", lambda account: []),
        (deploy.cost, "summary", lambda *_: ""),
        (deploy.lambda_quota, "read_if_allowed", lambda account: (None, "")),
        (deploy.budget, "put", lambda *_: ""),
        (deploy.brake, "is_closed", lambda *_: False),
        (deploy.boundary, "find", lambda *_: ""),
        (deploy.secret, "exists", lambda *_: False),
        (iac, "how_to_set_alarm_email", lambda stage: ""),
        (iac, "run", applied),
        (image, "build", lambda architecture: world.request("build") or "sha256:1"),
        (image, "repository", lambda *_: "repository"),
        (image, "push", lambda *_: world.request("push") or "repository@sha256:1"),
        (image, "exists", lambda *_: True),
        (queues, "undeclared", lambda *_: Undeclared({}, {})),
        (queues, "missing", lambda *_: []),
        (Releases, "has_image", lambda *_: True),
        (secret_versions, "stamp", lambda *_: None),
        (stage_settings, "generate", lambda *_: []),
        (deployed, "find", lambda *_, **__: None),
        (deployed, "stages", lambda *_: []),
        (deployed, "address", lambda *_: "https://example.com"),
        (deployed, "target", lambda *_: ""),
        (deployed, "distribution", lambda *_: None),
        (health_check, "check_version", lambda *_: world.request("health")),
        (health_check, "check_address", lambda *_: world.request("address")),
        (exclusive_task, "run", lambda *_: world.migrate()),
        (preview, "of", lambda number, again: world.preview_of(number, again)),
        (production, "database", lambda *_: {"default_branch": "main"}),
        (preview_end, "find", lambda account: world.found()),
        (preview_end.time, "sleep", lambda seconds: None),
    ):
        monkeypatch.setattr(module, name, act)
    yield renewed


def random_events(chance: random.Random, rate: float) -> Any:
    """Return a `World.on_request` that cancels, fails or changes something at this share of the requests."""

    def on_request(world: World, request: str) -> None:
        if chance.random() > rate or len(world.moves) > 3:
            return
        event = chance.choice(MEANWHILE)
        if event == "cancel":
            raise KeyboardInterrupt
        if event == "fail":
            raise preview.UsageError(f"{request} failed.")
        play(world, event, chance)

    return on_request


def play(world: World, event: str, chance: random.Random) -> None:
    """Apply one event to the world, if it is possible now."""
    pulls = list(world.pulls)
    open_pulls = [number for number, pull in world.pulls.items() if not pull.closed_at]
    jobs = world.idle()
    record = [str(number + 1) for number in range(len(world.functions.versions))]
    match event:
        case "merge" if world.tip < COMMITS - 2:
            world.merge()
        case "re-run" if world.tip:
            commit = chance.randint(0, world.tip)
            world.queue("deploy", "deploy", lambda: world.deploy(commit, tip="main"))
        case "rollback" if record:
            version = chance.choice(record)
            world.queue("rollback", "rollback", lambda: world.rollback(version))
        case "laptop" if not world.moves:
            commit, older = chance.randint(0, world.tip), chance.random() < 0.5
            world.from_laptop(lambda: world.deploy(commit, older=older))
        case "open":
            number = len(pulls) + 1
            world.pulls[number], world.pull_regions[number] = github.PullRequest(number, None), world.region
            world.push(number)
        case "push" if open_pulls:
            world.push(chance.choice(open_pulls))
        case "move" if open_pulls:
            number = chance.choice(open_pulls)
            world.pull_regions[number] = chance.choice(REGIONS)
            world.push(number)
        case "close" if open_pulls and world.tip < COMMITS - 2:
            world.close(chance.choice(open_pulls), merged=chance.random() < 0.5)
        case "re-run preview" if pulls:
            world.push(chance.choice(pulls))
        case "week":
            world.now += timedelta(days=7)
            world.queue("preview-end", "end", lambda: world.preview_end("closed"))
        case "work" if jobs:
            world.work(chance.choice(jobs))


def play_history(world: World, seed: int, length: int) -> dict[str, int]:
    """Play a history to its end: everything that waits has run, and the next week's sweep too. Returns counts."""
    chance = random.Random(seed)
    world.on_request = random_events(chance, 0.04)
    for _ in range(length):
        play(world, chance.choice(EVENTS), chance)
    for faults in (True, False):
        world.on_request = random_events(chance, 0.02) if faults else lambda world, request: None
        while jobs := world.idle():
            world.work(chance.choice(jobs))
    world.now += timedelta(days=7)
    world.on_request = lambda world, request: None
    output = world.command(lambda: world.preview_end("closed"))
    for number, parts in world.left().items():
        if world.pulls[number].closed_at and f"preview{number}: " not in output:
            world.problems.append(f"preview{number} is left, which nothing says: {parts}")
    return {
        "versions": len(world.functions.versions),
        "older": world.older,
        "previews": len(world.pulls),
    }


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@example(seed=838655264, length=52)
@given(seed=st.integers(0, 2**32), length=st.integers(10, 60))
def test_no_history_goes_wrong_unseen(new_world: Any, seed: int, length: int) -> None:
    world = new_world()
    play_history(world, seed, length)
    assert world.problems == []
    assert world.dropped == []


def test_the_histories_would_show_what_goes_wrong(new_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same histories without the kit's decisions, and with GitHub's default queue."""
    monkeypatch.setattr(commits, "require_newer", lambda *_, **__: "")
    monkeypatch.setattr(commits, "require_tip", lambda branch: None)
    monkeypatch.setattr(github, "runs_here", lambda: False)
    monkeypatch.setattr(preview_end.Sweep, "run", lambda self: None)
    problems, dropped, results = [], [], []
    for seed in range(8):
        world = new_world()
        world.workflows = {name: dict(workflow) for name, workflow in world.workflows.items()}
        for name, job in (("deploy", "deploy"), ("rollback", "rollback")):
            jobs = world.workflows[name]["jobs"]
            rules = {"group": name, "cancel-in-progress": False}
            world.workflows[name]["jobs"] = {job: jobs[job] | {"concurrency": rules}}
        results.append(play_history(world, seed, 60))
        problems += world.problems
        dropped += world.dropped
    assert any("live after" in problem for problem in problems), problems
    assert any("is left" in problem for problem in problems), problems
    assert {"deploy", "rollback"} <= {*dropped}
    assert all(sum(history[what] for history in results) > 6 for what in ("versions", "older", "previews")), results
