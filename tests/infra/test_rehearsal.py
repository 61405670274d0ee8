"""`make deploy`, `rollback` and `destroy` with the real tools, against a local AWS that runs the image.

The database's password and a secret of the app's own are canaries: no output, response, template, environment, log or
command line has them. Without /proc, as on macOS, command lines are not looked at.

Not rehearsed, because no local AWS supports it: Terraform with its real provider, IAM permissions, the ticks of schedules (their events have no time), and stacks left incomplete by a failure.
"""

import json
import platform
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2 as httpx
import ministack
import pytest
import recording
from apps import render
from cases import CDK

import command_lines
import containers
import mysql
import parts
import waiting
from canary import CANARY

CANARIES = [CANARY, mysql.PASSWORD, unquote(mysql.PASSWORD)]
SETTINGS = '''"""The app's settings."""

from kit.settings import BaseSettings, secret


class Settings(BaseSettings):
    """One that a stage must have."""

    stripe_key: str = secret("the key of the payment provider's API")


settings = Settings()
'''

MODEL = '''

class Extra(Base):
    """A row of the table that the migration creates."""

    __tablename__ = "extras"

    id: Mapped[int] = mapped_column(primary_key=True)
'''
LETTER = '''

@job(queue="letters")
def letter() -> None:
    """A job with a queue of its own."""
'''
HERE = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
MIGRATION = '''"""A table more."""

from alembic import op
from sqlalchemy import Column, Integer

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table("extras", Column("id", Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("extras")
'''


@pytest.fixture(scope="module")
def emulator(mysql_server: mysql.Server) -> Iterator[ministack.Emulator]:
    with ministack.running(mysql_server) as emulator:
        yield emulator


@dataclass
class Rehearsal:
    """Runs commands in an app's folder."""

    app: Path
    emulator: ministack.Emulator
    database: mysql.Server
    environ: dict[str, str]
    outputs: list[str] = field(default_factory=list)

    def make(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["make", "--no-print-directory", *words],
            cwd=self.app,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=400,
        )
        self.outputs += [done.stdout, done.stderr]
        return done

    def done(self, *words: str, stdin: str = "") -> str:
        """Run a target that must succeed; return its standard output."""
        done = self.make(*words, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        """Run a target that must fail; return its standard error."""
        done = self.make(*words)
        assert done.returncode != 0, done.stdout + done.stderr
        assert done.stdout == ""
        return done.stderr

    def exec(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ./exec."""
        return subprocess.run(
            ["./exec", *words],
            cwd=self.app,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
        )

    def change(self, file: str, old: str, new: str) -> None:
        text = self.app.joinpath(file).read_text(encoding="utf-8")
        assert old in text
        self.app.joinpath(file).write_text(text.replace(old, new), encoding="utf-8")

    def fill(self, queue: str, number: int) -> None:
        """Send messages that wait for 15 minutes."""
        sqs = self.emulator.client("sqs")
        url = sqs.get_queue_url(QueueName=f"my-app-prod-{queue}")["QueueUrl"]
        for message in range(number):
            sqs.send_message(QueueUrl=url, MessageBody=str(message), DelaySeconds=900)

    def waiting(self, queue: str) -> int | None:
        """How many delayed messages a queue has; None if there is no such queue."""
        sqs = self.emulator.client("sqs")
        try:
            url = sqs.get_queue_url(QueueName=f"my-app-prod-{queue}")["QueueUrl"]
        except sqs.exceptions.QueueDoesNotExist:
            return None
        name = "ApproximateNumberOfMessagesDelayed"
        return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    def rows(self, query: str) -> list[Any]:
        with self.database.admin() as admin, admin.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def budgets(self) -> dict[str, float]:
        """The amount of each budget."""
        budgets = self.emulator.client("budgets").describe_budgets(AccountId="000000000000")["Budgets"]
        return {one["BudgetName"]: float(one["BudgetLimit"]["Amount"]) for one in budgets}

    def throttle(self) -> int:
        """The requests a second that the API accepts."""
        gateway = self.emulator.client("apigatewayv2")
        [api] = gateway.get_apis()["Items"]
        settings = gateway.get_stage(ApiId=api["ApiId"], StageName="$default")["DefaultRouteSettings"]
        return int(settings["ThrottlingRateLimit"])

    def repositories(self) -> list[str]:
        details = self.emulator.client("ecr").describe_repositories()["repositories"]
        return [one["repositoryName"] for one in details if one["repositoryName"].startswith("my-app")]

    def task_image(self) -> str:
        """The image of a task that would be started now."""
        function = self.emulator.client("lambda").get_function_configuration(
            FunctionName="my-app-prod-jobs", Qualifier="live"
        )
        revision = function["Environment"]["Variables"]["JOBS_TASK_DEFINITION"]
        details = self.emulator.client("ecs").describe_task_definition(taskDefinition=revision)["taskDefinition"]
        assert details["status"] == "ACTIVE"
        return str(details["containerDefinitions"][0]["image"])


def set_up(rehearsal: Rehearsal, iac: str) -> None:
    """Set this machine's processor, and a recipient of alarms for SAM; bootstrap the account for CDK."""
    if iac == "sam":
        settings = f'Architecture = "{HERE}"\nAlarmEmail = "me@example.com"\nMonthlyBudget = 30\nBudgetBrake = 50\n'
        rehearsal.app.joinpath("infra/sam/stages/prod.toml").write_text(settings)
        return
    file = rehearsal.app / "infra/cdk/cdk.json"
    context = json.loads(file.read_text())
    context["context"]["stages"]["prod"] = {"architecture": HERE}
    file.write_text(json.dumps(context))
    command = ["npx", "--yes", CDK, "bootstrap", f"aws://000000000000/{ministack.REGION}"]
    subprocess.run(
        command, cwd=rehearsal.app.parent, env=rehearsal.environ, check=True, capture_output=True, timeout=240
    )


def require_no_canaries(rehearsal: Rehearsal, lines: set[str], *responses: httpx.Response) -> None:
    """Look everywhere but where they belong: the parameters, and the laptop's .env.

    The database's password is in the command lines by which tests start their servers.
    """
    places = {"output": rehearsal.outputs, "response": [f"{one.headers} {one.text}" for one in responses]}
    places["command line"] = sorted(lines)
    places["file"] = [
        file.read_bytes().decode(errors="replace")
        for file in rehearsal.app.rglob("*")
        if file.is_file() and file.name != ".env" and ".venv" not in file.parts
    ]
    client = rehearsal.emulator.client
    stacks = [stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]]
    places["template"] = [str(client("cloudformation").get_template(StackName=name)) for name in stacks]
    places["stack"] = [str(client("cloudformation").describe_stacks())]
    places["function"] = [str(client("lambda").list_functions())]
    tasks = client("ecs").list_task_definitions()["taskDefinitionArns"]
    places["task"] = [str(client("ecs").describe_task_definition(taskDefinition=task)) for task in tasks]
    groups = [group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]]
    places["log"] = [str(client("logs").filter_log_events(logGroupName=group)) for group in groups]
    assert [place for place, texts in places.items() if not any(texts)] == [], "nothing was looked at"
    found = [
        f"{place}: {text[max(text.find(canary) - 200, 0) :][:400]}"
        for place, texts in places.items()
        for text in texts
        for canary in ([CANARY] if place == "command line" else CANARIES)
        if canary in text
    ]
    assert found == []


def refused_deployments(rehearsal: Rehearsal) -> None:
    """Nothing is begun while the infrastructure knows of other jobs than the code, nor without the stage's secrets."""
    rehearsal.change("jobs.json", '"app.jobs.draw"', '"app.jobs.drew"')
    assert "make manifest" in rehearsal.refused("deploy", "YES=1")
    rehearsal.done("manifest")
    assert "make secret STAGE=prod" in rehearsal.refused("deploy", "YES=1")
    rehearsal.done("secret", stdin=rehearsal.database.url_on_network())
    assert "make secret NAME=STRIPE_KEY STAGE=prod" in rehearsal.refused("deploy", "YES=1")


def a_version_that_does_not_answer(rehearsal: Rehearsal, address: str) -> None:
    """Its migrations run, but it does not go live; once it is fixed, the next deployment continues."""
    rehearsal.change("app/web.py", "import logging\n", 'import logging\n\nraise RuntimeError("not today")\n')
    message = rehearsal.refused("deploy", "YES=1")
    assert "not today" in message
    assert "Version 2 is still live" in message
    assert "make deploy STAGE=prod" in message
    assert rehearsal.rows("SHOW TABLES LIKE 'extras'")
    assert httpx.get(f"{address}/health", timeout=30, trust_env=False).text == "ok"
    rehearsal.change("app/web.py", '\nraise RuntimeError("not today")\n', "")


def another_password(rehearsal: Rehearsal, address: str) -> None:
    """A rotated password reaches every new request of the live version, and none fails meanwhile."""
    name = rehearsal.database.database
    with rehearsal.database.admin() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE USER IF NOT EXISTS 'rotated'@'%' IDENTIFIED BY '{unquote(mysql.PASSWORD)}'")
        cursor.execute(f"GRANT ALL ON {name}.* TO 'rotated'@'%'")
    users = f"SELECT DISTINCT user FROM information_schema.processlist WHERE db = '{name}' AND user != 'root'"
    codes: list[int] = []
    rotated = threading.Event()

    def visit() -> None:
        while not rotated.is_set():
            codes.append(httpx.get(f"{address}/", timeout=60, trust_env=False).status_code)

    visitors = [threading.Thread(target=visit) for _ in range(2)]
    for visitor in visitors:
        visitor.start()
    rehearsal.done("secret", stdin=rehearsal.database.url_on_network().replace("app:", "rotated:"))
    done = len(codes)
    waiting.until(lambda: len(codes) > done + 4, what="requests after it", seconds=60)
    rotated.set()
    for visitor in visitors:
        visitor.join()
    assert set(codes) == {200}
    assert ("rotated",) in rehearsal.rows(users)
    assert "no earlier version to roll back to" in rehearsal.refused("rollback", "YES=1")


@pytest.mark.parametrize("iac", ["sam", "cdk"])
def test_a_stage_is_created_updated_rolled_back_and_deleted(
    iac: str, emulator: ministack.Emulator, mysql_server: mysql.Server, installed_app: Path, tmp_path: Path
) -> None:
    parts.program("npx" if iac == "cdk" else "make")
    app = render(tmp_path / "my-app", iac=iac)
    shutil.copy(installed_app / "uv.lock", app)
    containers.use_local_images(app)
    database = mysql_server.with_database(f"rehearsal_{iac}")
    rehearsal = Rehearsal(app, emulator, database, ministack.machine(tmp_path, emulator))
    emulator.forget()
    set_up(rehearsal, iac)
    app.joinpath("app/settings.py").write_text(SETTINGS)
    app.joinpath(".env").write_text(f"STRIPE_KEY={CANARY}\n")
    with command_lines.seen() as lines, recording.life(iac, emulator.port) as variables:
        rehearsal.environ |= variables
        rehearse(rehearsal, iac, lines)


def rehearse(rehearsal: Rehearsal, iac: str, lines: set[str]) -> None:
    app, database, emulator = rehearsal.app, rehearsal.database, rehearsal.emulator

    if iac == "sam":  # once is enough for what is the same
        refused_deployments(rehearsal)
    rehearsal.done("secret", stdin=database.url_on_network())
    rehearsal.done("secret", "NAME=STRIPE_KEY", stdin=CANARY)
    assert "STRIPE_KEY  stored on " in rehearsal.done("secrets")
    if iac == "sam":
        assert "YES=1" in rehearsal.refused("deploy")
        assert rehearsal.repositories() == []

    with app.joinpath("app/jobs.py").open("a") as jobs:
        jobs.write(LETTER)
    rehearsal.done("manifest")

    # A first deployment: its address is all that is printed, and a visitor's message is drawn by a job.
    address = rehearsal.done("deploy", "YES=1").strip()
    assert httpx.get(f"{address}/health", trust_env=False).text == "ok"
    posted = httpx.post(
        f"{address}/", data={"text": "Hello"}, headers={"sec-fetch-site": "same-origin"}, trust_env=False
    )
    assert posted.status_code == 303
    assert "Hello" in httpx.get(f"{address}/", timeout=30, trust_env=False).text
    drawn = "SELECT id FROM messages WHERE picture IS NOT NULL"
    waiting.until(lambda: rehearsal.rows(drawn), what="the picture", seconds=90)
    first = rehearsal.task_image()
    assert rehearsal.budgets() == ({"my-app-prod": 30, "my-app-prod-brake": 50} if iac == "sam" else {})
    [vpc] = emulator.client("ec2").describe_vpcs()["Vpcs"]
    groups = emulator.client("ec2").describe_security_groups()["SecurityGroups"]
    [group] = [one for one in groups if one["Description"] == "Tasks of my-app-prod: outbound only"]
    assert (group["VpcId"], vpc["IsDefault"], group["IpPermissions"]) == (vpc["VpcId"], True, [])
    if iac == "sam":
        another_password(rehearsal, address)

    # The next version has no job for a queue in which a hundred wait.
    rehearsal.fill("letters", 100)
    rehearsal.change("app/jobs.py", LETTER, "")
    rehearsal.done("manifest")

    app.joinpath("migrations/versions/0003_extras.py").write_text(MIGRATION)
    with app.joinpath("app/models.py").open("a") as models:
        models.write(MODEL)
    rehearsal.change("app/web.py", 'PlainTextResponse("ok")', 'PlainTextResponse("ok, too")')
    if iac == "sam":
        a_version_that_does_not_answer(rehearsal, address)

    # The next version.
    assert rehearsal.done("deploy", "YES=1").strip() == address
    assert httpx.get(f"{address}/health", timeout=30, trust_env=False).text == "ok, too"
    assert rehearsal.task_image() != first
    assert rehearsal.waiting("letters") == 100

    # One-off work, in the image that is live.
    listed = rehearsal.exec("--run", "--", "python", "-m", "kit", "jobs", "list")
    assert (listed.returncode, "app.jobs.draw" in listed.stdout) == (0, True), listed.stderr
    code = f"from app.settings import settings; raise SystemExit(3 * (len(settings.stripe_key) == {len(CANARY)}))"
    assert rehearsal.exec("--run", "--", "python", "-c", code).returncode == 3
    assert "No one-off task is running in my-app-prod." in rehearsal.exec("ps").stderr

    # What there is to see of it, and what it wrote.
    page = rehearsal.done("status")
    assert address in page
    assert "kit-sweep" in page and "none of 7 in ALARM" in page and "published" in page
    written = [json.loads(line) for line in rehearsal.done("logs", "WHAT=tasks", "SINCE=1h").splitlines()]
    assert any("app.jobs.draw" in line["message"] for line in written)

    if command_lines.PROC.exists():
        assert any("kit secret " in line for line in lines)
        require_no_canaries(rehearsal, lines, httpx.get(f"{address}/", trust_env=False), posted)

    # Back in one step, tasks too; the schema stays.
    rehearsal.done("rollback", "YES=1")
    assert httpx.get(f"{address}/health", timeout=30, trust_env=False).text == "ok"
    assert rehearsal.task_image() == first
    assert rehearsal.rows("SHOW TABLES LIKE 'extras'")
    assert "no earlier version to roll back to" in rehearsal.refused("rollback", "YES=1")
    assert rehearsal.waiting("letters") == 100

    if iac == "sam":
        # A message of AWS Budgets closes the brake, a deployment leaves it closed, and one command opens it. Besides, only
        # a queue that is named is deleted, and not while an earlier version is live.
        topic = f"arn:aws:sns:{ministack.REGION}:000000000000:my-app-prod-brake"
        emulator.client("sns").publish(TopicArn=topic, Message="AWS Budget Notification")
        waiting.until(lambda: rehearsal.throttle() == 0, what="the brake", seconds=60)
        rehearsal.done("deploy", "YES=1", "DROP_QUEUE=letters")
        assert rehearsal.throttle() == 0
        assert "CLOSED" in rehearsal.done("status")
        assert "open: the API accepts 500 requests" in rehearsal.done("brake", "OPEN=1")
        assert rehearsal.throttle() == 500
        assert rehearsal.waiting("letters") is None
        assert "it needs the queue letters, which was dropped" in rehearsal.refused("rollback", "YES=1")

    # Away: by its name alone, and neither the database nor its secret.
    assert "Nothing changed" in rehearsal.refused("destroy", "CONFIRM=my-app")
    rehearsal.done("destroy", "CONFIRM=my-app-prod")
    assert emulator.client("lambda").list_functions()["Functions"] == []
    assert emulator.client("sqs").list_queues().get("QueueUrls", []) == []
    assert rehearsal.repositories() == []
    assert rehearsal.budgets() == {}
    assert emulator.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"] == []
    assert emulator.client("logs").describe_log_groups(logGroupNamePrefix="/my-app-prod")["logGroups"] == []
    assert emulator.client("ssm").get_parameter(Name="/my-app/prod/database-url")
    assert rehearsal.rows("SELECT text FROM messages") == [("Hello",)]

    if iac == "sam":  # and once more, where there is nothing
        rehearsal.done("destroy", "CONFIRM=my-app-prod")
