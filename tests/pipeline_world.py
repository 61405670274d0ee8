"""GitHub's queues and an AWS in memory, in which the kit's own commands deploy, roll back and preview.

What GitHub does, each with its source on docs.github.com/en/actions:

group     one job of a concurrency group runs at a time, in all workflows of the repository; with `cancel-in-progress` a new
          one cancels it ("Control the concurrency of workflows and jobs")
queue     `single`: a new job takes the place of the one that is pending; `max`: 100 may be pending, and more are canceled
order     jobs of a group begin in no guaranteed order (ibid., the note), so any pending one may be next
re-run    a run can be run again for 30 days, with its own commit ("Re-running workflows and jobs")
cancel    the step's process gets SIGINT, which kit/step.py passes on: in Python that is KeyboardInterrupt

The groups are those of the workflow files. A job runs to its end in one call. At each of its requests `on_request` may
interfere: the job is cancelled, the request fails, something is merged or closed, or a job of another group runs.
"""

import argparse
import contextlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kit.errors import UsageError
from kit.ops import deploy, preview, preview_end, rollback
from kit.ops.aws_account import Account
from kit.ops.github import PullRequest
from kit.ops.preview import Preview
from kit.ops.stage import Stage

REGIONS = ("eu-west-1", "us-east-1")
MOST_PENDING = 100
BEGIN = datetime(2026, 11, 2, 12, tzinfo=UTC)


class NotFound(Exception):
    """An error of AWS's: there is no such thing."""


@dataclass
class Job:
    """A job that waits for its group."""

    name: str
    group: str
    run: Callable[[], None]


@dataclass
class Group:
    """A concurrency group."""

    queue: str
    cancels: bool
    running: bool = False
    cancelled: bool = False
    pending: list[Job] = field(default_factory=list)


@dataclass
class World:
    """A repository with its pipelines, and what they have deployed."""

    workflows: dict[str, dict[str, Any]]
    hashes: list[str]
    """The commits of main, oldest first."""
    clone: Path
    on_request: Callable[["World", str], None] = lambda world, request: None
    """Is called at each request of a job, and may cancel the job, fail the request or change the repository."""
    now: datetime = BEGIN
    tip: int = 0
    region: str = REGIONS[0]
    """The region in main's project.mk."""
    here: str = REGIONS[0]
    """The region of the command that runs."""
    groups: dict[str, Group] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    pull_regions: dict[int, str] = field(default_factory=dict)
    migrations: int = 0
    problems: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    older: int = 0
    """How often an older commit went live."""
    moves: list[list[tuple[int, int]]] = field(default_factory=list)
    """The commits that were live before and after each shift of traffic, of each command that runs, outermost first."""

    def __post_init__(self) -> None:
        self.functions = Functions(self)
        self.stores = {region: Store(self, region) for region in REGIONS}
        self.stages: set[tuple[str, str]] = set()
        self.branches: set[str] = set()
        self.built = -1

    # GitHub

    def queue(self, workflow: str, job: str, run: Callable[[], None], number: int | str = "") -> None:
        """Queue a job in the group that its workflow's file names."""
        described = self.workflows[workflow]
        rules = described["jobs"][job].get("concurrency") or described["concurrency"]
        name = re.sub(r"\$\{\{.*?\}\}", str(number), rules["group"])
        group = self.groups.setdefault(name, Group(rules.get("queue", "single"), rules["cancel-in-progress"]))
        if group.queue == "single":
            self.dropped += [pending.name for pending in group.pending]
            group.pending.clear()
        if len(group.pending) < MOST_PENDING:
            group.pending.append(Job(f"{workflow} {number}".strip(), name, run))
        group.cancelled = group.cancels and group.running

    def idle(self) -> list[Job]:
        """The jobs that may run next."""
        return [job for group in self.groups.values() if not group.running for job in group.pending]

    def work(self, job: Job) -> str:
        """Run a job; returns what it printed."""
        group = self.groups[job.group]
        group.pending.remove(job)
        group.running, group.cancelled = True, False
        try:
            return self.command(job.run)
        finally:
            group.running = False

    def command(self, run: Callable[[], None]) -> str:
        """Run a command of the kit's, in a pipeline or on a laptop; returns what it printed, with its error."""
        output, here = io.StringIO(), self.here
        self.moves.append([])
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                run()
        except UsageError as error:
            output.write(str(error))
        except KeyboardInterrupt:
            output.write("cancelled")
        finally:
            moves = self.moves.pop()
            self.here = here
        printed = output.getvalue()
        self.older += sum(after < before for before, after in moves)
        for before, after in moves:
            if after < before and not re.search("OLDER than|Switched back|version +\\S+ → ", printed):
                self.problems.append(f"commit {after} is live after {before}, without a word: {printed}")
        return printed

    def from_laptop(self, run: Callable[[], None]) -> None:
        """Run a command on a laptop; not while a pipeline deploys, as nothing here knows of both."""
        group = self.groups.setdefault("deploy-prod", Group("max", False))
        group.running = True
        try:
            self.command(run)
        finally:
            group.running = False

    def request(self, name: str) -> None:
        """A request of the job that runs: raises `KeyboardInterrupt` if the job was cancelled, and calls `on_request`."""
        if any(group.running and group.cancelled for group in self.groups.values()):
            raise KeyboardInterrupt
        self.on_request(self, name)

    # What the commands are, by the job that runs them

    def merge(self) -> None:
        self.tip += 1
        self.queue("deploy", "deploy", lambda commit=self.tip: self.deploy(commit, tip="main"))

    def checkout(self, commit: int) -> None:
        self.here = self.region
        self.clone.joinpath(".git/HEAD").write_text(f"{self.hashes[commit]}\n")

    def deploy(self, commit: int, *, tip: str = "", older: bool = False) -> None:
        self.checkout(commit)
        self.built = commit
        options = {"direct": False, "skip_revert": False, "drop_queue": "", "image_file": "", "yes": True}
        deploy.run(argparse.Namespace(stage="prod", tip=tip, older=older, **options))

    def rollback(self, version: str) -> None:
        self.here = self.region
        rollback.run(argparse.Namespace(stage="prod", yes=True, to=version))

    def preview(self, number: int, region: str) -> None:
        self.here = region
        preview.begin(argparse.Namespace(number=str(number), yes=True))

    def preview_end(self, number: int | str) -> None:
        self.here = self.region
        preview_end.run(argparse.Namespace(number=str(number)))

    def push(self, number: int) -> None:
        region = self.pull_regions[number]
        self.queue("preview", "preview", lambda: self.preview(number, region), number)

    def close(self, number: int, *, merged: bool) -> None:
        self.pulls[number] = PullRequest(number, self.now)
        if merged:
            self.region = self.pull_regions[number]
            self.merge()
        self.queue("preview-end", "end", lambda: self.preview_end(number), number)

    # What the kit asks of AWS, Git and PlanetScale

    def account(self) -> Account:
        def client(service: str, **_: Any) -> Any:
            return {"lambda": self.functions, "ssm": self.stores[self.here]}[service]

        session: Any = SimpleNamespace(client=client)
        return Account("123456789012", "arn:aws:iam::123456789012:user/me", self.here, session)

    def preview_of(self, number: str, again: str) -> Preview:
        branch: Any = Branch(self, f"kit-preview-{number}")
        here = self.here
        return Preview(
            Stage("my-app", f"preview{number}"),
            branch,
            self.stores[here],
            self.make,
            lambda name: {
                region: store for region, store in self.stores.items() if region != here and name in store.parameters
            },
        )

    def make(self, target: str, **variables: str) -> str:
        """Deploy or destroy a stage; its roles have names, which are taken in all regions."""
        stage, region = variables["STAGE"], variables.get("AWS_REGION", self.here)
        self.request(f"make {target}")
        if target == "destroy":
            self.stages.discard((stage, region))
            return ""
        if any(name == stage and other != region for name, other in self.stages):
            raise UsageError(f"The role {stage} exists.")
        self.stages.add((stage, region))
        self.request("make deploy goes on")
        return "https://example.com"

    def found(self, *_: Any) -> dict[int, list[str]]:
        """The previews of which there is anything, with what there is of each."""
        self.request("get_resources")
        return self.left()

    def left(self) -> dict[int, list[str]]:
        parts: dict[int, list[str]] = {}
        names = [*(stage for stage, _ in self.stages), *self.branches]
        names += [name.split("/")[2] for store in self.stores.values() for name in store.parameters]
        for name in names:
            if number := re.search(r"preview-?(\d+)$", name):
                parts.setdefault(int(number[1]), []).append(name)
        return parts

    @contextlib.contextmanager
    def migration(self) -> Iterator[None]:
        self.migrations += 1
        if self.migrations > 1:
            self.problems.append("two migrations at once")
        try:
            yield
        finally:  # the task is stopped with its client: see tests/oneoff/test_cancelled_deployment.py
            self.migrations -= 1

    def migrate(self, *_: Any) -> int:
        with self.migration():
            self.request("RunTask")
            self.request("DescribeTasks")
        return 0


class Functions:
    """Lambda's API, for the web and the jobs function of production; a version's number is the same for both."""

    exceptions = SimpleNamespace(ResourceNotFoundException=NotFound)

    def __init__(self, world: World) -> None:
        self.world = world
        self.versions: list[tuple[int, str]] = []
        """The commit and the description of each version."""
        self.latest = -1
        self.aliases: dict[str, dict[str, Any]] = {}

    @property
    def live(self) -> int:
        """The commit that answers requests."""
        version = self.aliases.get("my-app-prod-web", {}).get("FunctionVersion", "")
        return self.versions[int(version) - 1][0] if version.isdecimal() else -1

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, Any]:
        if FunctionName not in self.aliases:
            raise NotFound
        return self.aliases[FunctionName]

    def update_alias(self, FunctionName: str, FunctionVersion: str, Description: str = "", **_: Any) -> None:
        self.world.request("UpdateAlias")
        before = self.live
        self.aliases[FunctionName] = {"FunctionVersion": FunctionVersion, "Description": Description}
        if FunctionName.endswith("-web"):
            self.world.moves[-1].append((before, self.live))

    def get_waiter(self, _: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)

    def publish_version(self, FunctionName: str, Description: str) -> dict[str, Any]:
        """Publish what was applied last; Lambda returns the last version when nothing has changed."""
        if not self.versions or self.versions[-1][0] != self.latest:
            self.versions.append((self.latest, Description))
        return {"Version": str(len(self.versions))}

    def get_function_configuration(self, FunctionName: str, Qualifier: str) -> dict[str, Any]:
        return {"Description": self.versions[int(Qualifier) - 1][1] if Qualifier.isdecimal() else ""}

    def get_function(self, **_: Any) -> dict[str, Any]:
        return {"Code": {"ImageUri": "repository@sha256:1"}}


class Store:
    """SSM's API in one region."""

    exceptions = SimpleNamespace(ParameterNotFound=NotFound, InvalidResourceId=NotFound)

    def __init__(self, world: World, region: str) -> None:
        self.world, self.region = world, region
        self.parameters: dict[str, dict[str, Any]] = {}

    def get_parameter(self, Name: str, **_: Any) -> dict[str, Any]:
        self.world.request("GetParameter")
        if Name not in self.parameters:
            raise NotFound
        return {"Parameter": self.parameters[Name]}

    def put_parameter(self, Name: str, Value: str, Tags: Any = (), **_: Any) -> None:
        self.world.request("PutParameter")
        self.parameters.setdefault(Name, {"Tags": list(Tags)})["Value"] = Value

    def delete_parameter(self, Name: str) -> None:
        self.world.request("DeleteParameter")
        if self.parameters.pop(Name, None) is None:
            raise NotFound

    def list_tags_for_resource(self, ResourceId: str, **_: Any) -> dict[str, Any]:
        if ResourceId not in self.parameters:
            raise NotFound
        return {"TagList": self.parameters[ResourceId]["Tags"]}


@dataclass
class Branch:
    """A database branch; its password is valid as long as it is there."""

    world: World
    name: str
    project: str = "my-org/my-app"
    client: None = None

    def create(self, parent: str) -> None:
        self.world.request("create branch")
        self.world.branches.add(self.name)

    def passwords(self, name: str) -> list[dict[str, Any]]:
        return [{"username": self.name, "expires_at": (self.world.now + timedelta(days=20)).isoformat()}]

    def new_url(self, name: str, ttl: int) -> str:
        return f"mysql://{self.name}:x@host/my-app"

    def delete_and_wait(self) -> None:
        self.world.request("delete branch")
        self.world.branches.discard(self.name)
