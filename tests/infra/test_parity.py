"""The three tools describe the same system, field by field, with various settings."""

import json
from typing import Any

import pytest
from cases import CASES, describe_case
from normalize import ACCOUNT, compare
from tools import WITH_EVENTS

over_cases = pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])


def parts_of_app(system: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions and tasks that run the app's code."""
    functions = [one for name, one in system["functions"].items() if not name.endswith("-brake")]
    return [*functions, *system["tasks"].values()]


@over_cases
@pytest.mark.parametrize("iac", ["cdk", "terraform"])
def test_it_is_the_system_that_sam_makes(iac: str, index: int) -> None:
    differences = compare(iac, describe_case("sam", index), describe_case(iac, index))
    assert not differences, f"{len(differences)} differences\n" + "\n".join(differences)


@over_cases
def test_a_role_is_passed_only_to_the_service_that_it_is_for(index: int) -> None:
    system = describe_case("sam", index)
    passed = {
        (permission.split()[3].rpartition("/")[2], permission.partition(" if ")[2])
        for role in system["roles"].values()
        for permission in role["may"]
        if "iam:PassRole" in permission
    }
    ecs = '{"StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com"]}}'
    scheduler = '{"StringEquals": {"iam:PassedToService": ["scheduler.amazonaws.com"]}}'
    name = CASES[index].resource_prefix
    assert passed == {(f"{name}-task", ecs), (f"{name}-task-execution", ecs), (f"{name}-delays", scheduler)}


@over_cases
def test_every_queue_is_fed_to_the_jobs_function_and_outlasts_its_retries(index: int) -> None:
    system = describe_case("sam", index)
    jobs = system["functions"][f"{CASES[index].resource_prefix}-jobs"]
    work = {name: queue for name, queue in system["queues"].items() if queue["dead"]}
    assert {arn.rpartition(":")[2] for arn in system["sources"] if ":sqs:" in arn} == work.keys()
    for name, queue in work.items():
        assert queue["hidden"] >= 6 * jobs["timeout"]
        assert queue["dead"][0].rpartition(":")[2] in system["queues"].keys() - work.keys()
        assert system["queues"][queue["dead"][0].rpartition(":")[2]]["fifo"] == queue["fifo"], name
    for source in system["sources"].values():
        assert source["answers"] == ["ReportBatchItemFailures"]
        assert source["function"].endswith("-jobs:live")


@over_cases
def test_the_alarm_for_waiting_jobs_does_not_ring_for_a_long_one_that_runs(index: int) -> None:
    manifest, prefix = CASES[index].manifest, CASES[index].resource_prefix
    alarms = describe_case("sam", index)["alarms"]
    for queue in (manifest or {"queues": []})["queues"] if alarms else []:
        longest = max(job["max_runtime"] for job in manifest["jobs"] if job["queue"] == queue["name"])
        assert alarms[f"{prefix}-{queue['name'].removesuffix('.fifo')}-age"]["when"][1] == 1800 + longest


@over_cases
def test_every_event_may_reach_the_queue_of_its_job_and_nothing_else_may(index: int) -> None:
    """What can't be delivered goes to a dead-letter queue, which must be allowed too, and not be FIFO for EventBridge."""
    case, system = CASES[index], describe_case("sam", index)
    expected: dict[str, set[str]] = {}

    def allow(queue: str, service: str, source: str) -> None:
        allowed = expected.setdefault(f"{case.resource_prefix}-{queue}", set())
        allowed.add(f"{service} {source}")

    events = (case.manifest or {}).get("events", [])
    for event in events:
        if event["kind"] == "rule":
            rule = system["rules"][f"{case.resource_prefix}-{event['name']}"]
            bus = "" if rule["bus"] == "default" else f"{rule['bus'].rpartition('/')[2]}/"
            source = f"arn:aws:events:{case.region}:{ACCOUNT}:rule/{bus}{case.resource_prefix}-{event['name']}"
            assert rule["target"][1].endswith(f":{case.resource_prefix}-{event['queue']}")
            assert (rule["target"][2] is not None) == event["queue"].endswith(".fifo")
            allow(event["queue"], "events.amazonaws.com", source)
            allow("default-dead", "events.amazonaws.com", source)
        elif event["kind"] == "topic":
            own = f"arn:aws:sns:{case.region}:{ACCOUNT}:{case.resource_prefix}-{event['topic']}"
            source = event["topic"] if event["topic"].startswith("arn:") else own
            title, dot, suffix = event["queue"].partition(".")
            allow(event["queue"], "sns.amazonaws.com", source)
            allow(f"{title}-dead{dot}{suffix}", "sns.amazonaws.com", source)
    allowed: dict[str, set[str]] = {}
    for queue, permissions in system["queue policies"].items():
        for permission in permissions:
            words, _, condition = permission.partition(" if ")
            effect, action, _, resource, _, _, service = words.split()
            assert (effect, action, resource.rpartition(":")[2]) == ("Allow", "sqs:SendMessage", queue)
            [sources] = json.loads(condition)["ArnEquals"].values()
            allowed.setdefault(queue, set()).update(f"{service} {source}" for source in sources)
    assert allowed == expected
    assert bool(events) == (case.manifest is WITH_EVENTS)


@over_cases
def test_only_the_jobs_function_reads_streams(index: int) -> None:
    case, system = CASES[index], describe_case("sam", index)
    events = (case.manifest or {}).get("events", [])
    streams = {event["table"] for event in events if event["kind"] == "stream"}
    assert {arn for arn in system["sources"] if ":dynamodb:" in arn} == streams
    readable = {
        (name, permission.split()[3])
        for name, role in system["roles"].items()
        for permission in role["may"]
        if "dynamodb:" in permission
    }
    assert readable == {(f"{case.resource_prefix}-jobs", stream) for stream in streams}
    assert (f"{case.resource_prefix}-jobs-streams" in system["alarms"]) == bool(streams)


@over_cases
def test_every_schedule_reaches_its_job_where_its_runtime_needs_it(index: int) -> None:
    """A schedule invokes the jobs function, which may enqueue the job and start a task for it."""
    case, system = CASES[index], describe_case("sam", index)
    for schedule in (case.manifest or {"schedules": []})["schedules"]:
        target = system["schedules"][schedule["name"]]
        assert target["target"].endswith(f"{case.resource_prefix}-jobs:live")
        assert target["when"] == [schedule["expression"], schedule["timezone"]]
        assert target["dead"].endswith("-default-dead")
    may = system["roles"][f"{case.resource_prefix}-jobs"]["may"]
    environment = system["functions"][f"{case.resource_prefix}-jobs"]["environment"]
    family, _, revision = environment["JOBS_TASK_DEFINITION"].rpartition("/")[2].partition(":")
    assert family in system["tasks"]
    assert revision.isdecimal(), "an earlier version starts an earlier image"
    family = f":task-definition/{family}:*"
    assert any(
        one.startswith("Allow ecs:RunTask") and family in one and environment["JOBS_CLUSTER"] in one for one in may
    )


@over_cases
def test_the_environment_has_only_settings_that_the_app_knows(index: int) -> None:
    from kit.settings import Settings

    known = {declared.variable for declared in Settings.declared.values()} | {"ORIGIN_SECRET_PARAMETER"}
    known |= {"UPLOADS_BUCKET"} if CASES[index].uploads else set()
    system = describe_case("sam", index)
    environments = [one["environment"] for one in parts_of_app(system)]
    assert all(variables.keys() <= known for variables in environments)
    own = {"JOBS_TASK_DEFINITION", "ORIGIN_SECRET_PARAMETER", "PLANETSCALE_TOKEN_SECRET"}
    shared = [{name: value for name, value in variables.items() if name not in own} for variables in environments]
    assert all(variables == shared[0] for variables in shared)
    Settings.load(environments[0] | {"DATABASE_URL": "mysql://app:app@host/app"})


@over_cases
def test_only_tasks_may_read_what_changes_the_schema(index: int) -> None:
    system = describe_case("sam", index)
    token = f"/{CASES[index].project}/{CASES[index].stage}/planetscale-token"
    assert {name for name, role in system["roles"].items() if token in " ".join(role["may"])} == {
        f"{CASES[index].resource_prefix}-task"
    }
    parts = parts_of_app(system)
    assert [one["environment"].get("PLANETSCALE_TOKEN_SECRET") for one in parts] == [None, None, token]


@over_cases
def test_behind_a_cdn_the_web_function_alone_may_read_the_origin_secret(index: int) -> None:
    case, system = CASES[index], describe_case("sam", index)
    secret, has_cdn = f"/{case.project}/{case.stage}/origin-secret", "cdn" in case.settings
    readers = {name for name, role in system["roles"].items() if secret in " ".join(role["may"])}
    assert readers == ({f"{case.resource_prefix}-web"} if has_cdn else set())
    parts = [*system["functions"].items(), *system["tasks"].items()]
    variables = {name: part["environment"].get("ORIGIN_SECRET_PARAMETER") for name, part in parts}
    assert {name: value for name, value in variables.items() if value} == dict.fromkeys(readers, secret)


def test_a_cdn_caches_by_what_answers_may_depend_on_and_no_longer_than_the_app_says() -> None:
    key = describe_case("sam", 2)["cdn"]["key"]
    assert key["seconds"][:2] == [0, 0]
    assert key["cookies"] == ["whitelist", ["__Host-session", "language", "session", "theme"]]
    assert (key["queries"], key["headers"], key["encodings"]) == (
        "all",
        ["whitelist", ["x-forwarded-host"]],
        [True] * 2,
    )
    errors = describe_case("sam", 2)["cdn"]["errors"]
    assert {status for status, (seconds, page, _) in errors.items() if seconds or page} == {502}


def test_a_cdn_answers_visitors_whom_the_api_refuses_with_the_page() -> None:
    cdn = describe_case("sam", 2)["cdn"]
    assert cdn["errors"][502] == [1, "/busy.html", 503]
    assert cdn["behaviors"]["/busy.html"]["origin"] == "page"
    assert cdn["page"]["private"] == [True] * 4
    [allowed] = cdn["page"]["policy"]
    assert allowed.startswith(f"Allow s3:GetObject on arn:aws:s3:::{cdn['page']['bucket']}/* for Service cloudfront")


@over_cases
def test_no_new_code_is_live_by_the_infrastructure_alone(index: int) -> None:
    system, called = describe_case("sam", index), CASES[index].resource_prefix
    assert system["aliases"] == [f"{called}-jobs:live $LATEST", f"{called}-web:live $LATEST"]
    assert system["versions"] == []
    assert system["kept when replaced"] == ["ECS::TaskDefinition: Retain"], "a rollback needs the revisions of before"


@over_cases
def test_nothing_reaches_a_task(index: int) -> None:
    assert describe_case("sam", index)["network"]["in"] == []


def test_a_preview_has_no_alarms_and_no_dashboard() -> None:
    preview, other = describe_case("sam", 1), describe_case("sam", 2)
    assert (preview["alarms"], preview["dashboards"]) == ({}, {})
    assert other["alarms"] and other["dashboards"]


def test_the_api_is_throttled_by_default_and_lambda_logs_only_what_went_wrong() -> None:
    system = describe_case("sam", 0)
    assert system["api"]["at most"] == [500, 1000]
    assert {tuple(function["logs"][1:]) for function in system["functions"].values()} == {("JSON", "WARN", "DEBUG")}


def test_the_brake_may_change_the_api_alone_and_only_budgets_close_it() -> None:
    systems = [describe_case("sam", index) for index in range(len(CASES))]
    assert [
        f"{case.resource_prefix}-brake" in system["functions"] for case, system in zip(CASES, systems, strict=True)
    ] == [
        False,  # off by default
        False,  # a preview has none, whatever its settings are
        True,
    ]
    case, system = CASES[2], systems[2]
    name = f"{case.resource_prefix}-brake"
    function, topic = (
        f"arn:aws:{kind}{name}"
        for kind in (f"lambda:{case.region}:{ACCOUNT}:function:", f"sns:{case.region}:{ACCOUNT}:")
    )
    assert system["functions"][name]["environment"] == {"BRAKE_API": "api"}
    assert {(one.split()[1], one.split()[3]) for one in system["roles"][name]["may"]} == {
        ("apigateway:PATCH", f"arn:aws:apigateway:{case.region}::/apis/api/stages/*"),
        ("logs:CreateLogStream", f"arn:aws:logs:{case.region}:{ACCOUNT}:log-group:/{case.resource_prefix}/brake:*"),
        ("logs:PutLogEvents", f"arn:aws:logs:{case.region}:{ACCOUNT}:log-group:/{case.resource_prefix}/brake:*"),
    }
    [permission] = system["topics"][topic]
    assert permission.startswith(f"Allow sns:Publish on {topic} for Service budgets.amazonaws.com if ")
    assert f"lambda {function} of {topic}, failed: " in system["subscriptions"]
    assert f"sns.amazonaws.com lambda:InvokeFunction {function} from {topic}" in system["calls"]


@over_cases
def test_a_domain_is_the_only_address(index: int) -> None:
    api = describe_case("sam", index)["api"]
    assert api["at AWS's address"] == (not api["domains"])
    settings = CASES[index].settings
    assert bool(api["domains"]) == ("domain_name" in settings and "cdn" not in settings)


@pytest.mark.parametrize("index", [index for index, case in enumerate(CASES) if not case.stage.startswith("preview")])
def test_there_is_an_alarm_on_the_number_of_requests(index: int) -> None:
    alarm = describe_case("sam", index)["alarms"][f"{CASES[index].resource_prefix}-api-requests"]
    assert alarm["metric"] == ["AWS/ApiGateway", "Count", "Sum", 300]
    assert alarm["when"][:2] == [
        "GreaterThanOrEqualToThreshold",
        int(CASES[index].settings.get("requests_alarm", 10_000)),
    ]
    assert alarm["tells"] == describe_case("sam", index)["alarms"][f"{CASES[index].resource_prefix}-api-5xx"]["tells"]


@over_cases
def test_a_bucket_of_the_users_is_private_and_only_for_the_app(index: int) -> None:
    case, system = CASES[index], describe_case("sam", index)
    name = f"{case.resource_prefix}-uploads-123456789012"
    assert list(system["buckets"]) == ([name] if case.uploads else [])
    if case.uploads:
        bucket = system["buckets"][name]
        assert bucket["private"] == [True] * 4
        assert bucket["cors"] == [[[f"https://{case.settings['domain_name']}"], ["POST"], 3600]]
        parts = parts_of_app(system)
        assert {one["environment"]["UPLOADS_BUCKET"] for one in parts} == {name}
        allowed = [f"Allow s3:{action} on arn:aws:s3:::{name}/*" for action in ("GetObject", "PutObject")]
        for role, permissions in system["roles"].items():
            expected = allowed if role.rpartition("-")[2] in {"web", "jobs", "task"} else []
            assert [one for one in permissions["may"] if " s3:" in one] == expected, role
