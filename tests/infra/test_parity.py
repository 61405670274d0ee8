"""The same system from each: three descriptions, compared field by field, over settings of every kind."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from described import EACH, Case, terraform_
from manifests import MANIFEST

CASES = [
    Case("default"),
    Case("many queues, an own network", manifest=MANIFEST, stage="test"),
    Case(
        "everything set",
        region="eu-central-1",
        stage="b2",
        manifest=MANIFEST,
        settings={
            "architecture": "x86_64",
            "database_url_secret": "/elsewhere/url",
            "web_memory": 1769,
            "web_reserved_concurrency": 50,
            "jobs_memory": 2048,
            "jobs_concurrency": 3,
            "task_cpu": 1024,
            "task_memory": 4096,
            "vpc_id": "vpc-0a1b2c3d",
            "subnet_ids": ["subnet-0a", "subnet-0b", "subnet-0c"],
            "domain_name": "wall.example.com",
            "certificate_arn": "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d-0000-0000-0000-000000000000",
            "alarm_email": "me@example.com",
            "monthly_budget": 0,
            "log_retention": 7,
        },
    ),
]
"""Of the settings, every one in its default and in another."""

NO_RESOURCE = {
    "ecr:GetAuthorizationToken": "a token is for the registry as a whole",
    "ssmmessages:CreateControlChannel": "ECS Exec's channels are no resources",
    "ssmmessages:CreateDataChannel": "ECS Exec's channels are no resources",
    "ssmmessages:OpenControlChannel": "ECS Exec's channels are no resources",
    "ssmmessages:OpenDataChannel": "ECS Exec's channels are no resources",
}
"""The actions that AWS cannot narrow to a resource, and why; the only ones that may be allowed on `*`.

Source: Service Authorization Reference, "Actions, resources, and condition keys".
"""


@cache
def described(iac: str, index: int) -> dict[str, Any]:
    return EACH[iac](CASES[index], Path(mkdtemp()))


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Every field with its path."""
    if isinstance(value, dict) and value:
        return {key: one for name, inner in value.items() for key, one in flat(inner, f"{path}/{name}").items()}
    return {path: value}


over_cases = pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])


def compare(iac: str, one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """A line for each field that is not the same."""
    ours, theirs = flat(one), flat(other)
    return [
        f"{path}\n  sam        {ours.get(path, '(nothing)')}\n  {iac:<10} {theirs.get(path, '(nothing)')}"
        for path in sorted(ours.keys() | theirs.keys())
        if path not in ours or path not in theirs or ours[path] != theirs[path]
    ]


@over_cases
@pytest.mark.parametrize("iac", ["cdk", "terraform"])
def test_it_is_the_system_that_sam_makes(iac: str, index: int) -> None:
    differences = compare(iac, described("sam", index), described(iac, index))
    assert not differences, f"{len(differences)} differences\n" + "\n".join(differences)


CHANGES = {
    "/queues/my-app-prod-default/hidden": ("queues.tf", "6 * local.jobs_timeout", "5 * local.jobs_timeout"),
    "/sources/": ("queues.tf", '["ReportBatchItemFailures"]', "[]"),
    "/roles/": ("main.tf", '["sqs:SendMessage"]', '["sqs:*"]'),
    "/roles/jobs/may": ("jobs.tf", '["ecs-tasks.amazonaws.com"]', '["ecs.amazonaws.com"]'),
    "/schedules/": ("schedules.tf", "= 30", "= 31"),
    "/tasks/my-app-prod/runs": ("tasks.tf", '["env"]', '["sh"]'),
    "/functions/my-app-prod-web/timeout": ("web.tf", "= 29", "= 30"),
    "/alarms/my-app-prod-default-dead/when": ("alarms.tf", "minutes = 1, threshold = 1", "minutes = 1, threshold = 2"),
    "/network/out": ("network.tf", 'ip_protocol       = "-1"', 'ip_protocol       = "tcp"'),
    "/logs/": ("web.tf", "= var.log_retention", "= 60"),
}


@pytest.mark.parametrize("path", CHANGES)
def test_a_difference_is_found(tmp_path: Path, path: str) -> None:
    changed = terraform_(CASES[0], tmp_path, CHANGES[path])
    differences = compare("terraform", described("sam", 0), changed)
    assert differences
    assert all(difference.startswith(path) for difference in differences), differences


@over_cases
def test_nothing_is_allowed_on_everything_that_could_be_narrowed(index: int) -> None:
    for name, role in described("sam", index)["roles"].items():
        for permission in role["may"]:
            _, action, _, resource, *_ = permission.split()
            assert "*" not in action, f"{name}: {permission}"
            assert resource != "*" or action in NO_RESOURCE, f"{name}: {permission}"


@over_cases
def test_a_role_is_passed_only_to_the_service_that_it_is_for(index: int) -> None:
    system = described("sam", index)
    passed = {
        (permission.split()[3].rpartition("/")[2], permission.partition(" if ")[2])
        for role in system["roles"].values()
        for permission in role["may"]
        if "iam:PassRole" in permission
    }
    ecs = '{"StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com"]}}'
    scheduler = '{"StringEquals": {"iam:PassedToService": ["scheduler.amazonaws.com"]}}'
    assert passed == {("task", ecs), ("task-execution", ecs), ("delays", scheduler)}


@over_cases
def test_every_queue_is_fed_to_the_jobs_function_and_outlasts_its_retries(index: int) -> None:
    system = described("sam", index)
    jobs = system["functions"][f"{CASES[index].called}-jobs"]
    work = {name: queue for name, queue in system["queues"].items() if queue["dead"]}
    assert {arn.rpartition(":")[2] for arn in system["sources"]} == work.keys()
    for name, queue in work.items():
        assert queue["hidden"] >= 6 * jobs["timeout"]
        assert queue["dead"][0].rpartition(":")[2] in system["queues"].keys() - work.keys()
        assert system["queues"][queue["dead"][0].rpartition(":")[2]]["fifo"] == queue["fifo"], name
    for source in system["sources"].values():
        assert source["answers"] == ["ReportBatchItemFailures"]
        assert source["function"].endswith("-jobs:live")


@over_cases
def test_every_schedule_reaches_its_job_where_its_runtime_needs_it(index: int) -> None:
    """The tick goes to the jobs function, which may queue the job and start the one task definition for it."""
    case, system = CASES[index], described("sam", index)
    for schedule in (case.manifest or {"schedules": []})["schedules"]:
        told = system["schedules"][schedule["name"]]
        assert told["target"].endswith(f"{case.called}-jobs:live")
        assert told["when"] == [schedule["expression"], schedule["timezone"]]
        assert told["dead"].endswith("-default-dead")
    may = system["roles"]["jobs"]["may"]
    environment = system["functions"][f"{case.called}-jobs"]["environment"]
    family, _, revision = environment["JOBS_TASK_DEFINITION"].rpartition("/")[2].partition(":")
    assert family in system["tasks"]
    assert revision.isdecimal(), "an earlier version starts an earlier image"
    family = f":task-definition/{family}:*"
    assert any(
        one.startswith("Allow ecs:RunTask") and family in one and environment["JOBS_CLUSTER"] in one for one in may
    )


@over_cases
def test_what_the_app_is_told_are_settings_that_it_knows(index: int) -> None:
    from dataclasses import fields

    from kit.settings import Settings

    known = {field.name.upper() for field in fields(Settings)}
    system = described("sam", index)
    told = [one["environment"] for one in [*system["functions"].values(), *system["tasks"].values()]]
    assert all(variables.keys() <= known for variables in told)
    own = {"JOBS_TASK_DEFINITION", "PLANETSCALE_TOKEN_SECRET"}
    shared = [{name: value for name, value in variables.items() if name not in own} for variables in told]
    assert all(variables == shared[0] for variables in shared)
    Settings.load(told[0] | {"DATABASE_URL": "mysql://app:app@host/app"})


@over_cases
def test_only_tasks_may_read_what_changes_the_schema(index: int) -> None:
    system = described("sam", index)
    token = f"/my-app/{CASES[index].stage}/planetscale-token"
    assert {name for name, role in system["roles"].items() if token in " ".join(role["may"])} == {"task"}
    told = [*system["functions"].values(), *system["tasks"].values()]
    assert [one["environment"].get("PLANETSCALE_TOKEN_SECRET") for one in told] == [None, None, token]


@over_cases
def test_no_new_code_is_live_by_the_infrastructure_alone(index: int) -> None:
    system, called = described("sam", index), CASES[index].called
    assert system["aliases"] == [f"{called}-jobs:live $LATEST", f"{called}-web:live $LATEST"]
    assert system["versions"] == []
    assert system["kept revisions"] == [called], "a rollback needs the revisions of before"


@over_cases
def test_nothing_costs_while_nobody_comes(index: int) -> None:
    network = described("sam", index)["network"]
    assert network["gateways"] in {0, 1}, "a NAT gateway costs by the hour"
    assert network["in"] == []
