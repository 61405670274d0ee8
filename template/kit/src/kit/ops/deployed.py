"""What runs of a stage: the version of its functions that is live, and the task definition that this version names.

A version and the revision of the task definition it was published with belong together, so that a rollback takes both
back. The task definition's environment says where tasks run, whatever tool deployed it.
"""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops.aws_account import Account, reason
from kit.ops.retry import PATIENT
from kit.ops.stage import NAME, Stage


@dataclass(frozen=True)
class Deployed:
    """What it takes to run a task of a stage."""

    stage: Stage
    cluster: str
    task_definition: str
    """The revision's ARN."""
    image: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    log_group: str


def find(account: Account, stage: Stage, *, version: str = "live") -> Deployed:
    """Read it from the live version of the jobs function, or from another: `$LATEST` is what is being deployed.

    Raises `UsageError` when the stage was never deployed, or may not be looked at.
    """
    functions, ecs = account.session.client("lambda"), account.session.client("ecs")
    try:
        told = functions.get_function_configuration(FunctionName=f"{stage.called}-jobs", Qualifier=version)
        revision = told["Environment"]["Variables"]["JOBS_TASK_DEFINITION"]
        return _read(stage, ecs.describe_task_definition(taskDefinition=revision)["taskDefinition"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise UsageError(f"What runs of {stage.called} cannot be seen: {reason(error)}") from None
    there = ", ".join(stages(account, stage.project)) or "none"
    raise UsageError(
        f"Nothing is deployed as {stage.called} in {account.region} of account {account.number}. "
        f"Stages there: {there}. Deploy it with: make deploy STAGE={stage.name}"
    )


def _read(stage: Stage, told: dict[str, Any]) -> Deployed:
    container = next(one for one in told["containerDefinitions"] if one["name"] == "app")
    environment = {one["name"]: one["value"] for one in container["environment"]}
    return Deployed(
        stage=stage,
        cluster=environment["JOBS_CLUSTER"],
        task_definition=told["taskDefinitionArn"],
        image=container["image"],
        subnets=tuple(environment["JOBS_SUBNETS"].split(",")),
        security_groups=tuple(environment["JOBS_SECURITY_GROUPS"].split(",")),
        log_group=container["logConfiguration"]["options"]["awslogs-group"],
    )


def address(account: Account, stage: Stage) -> str:
    """Where a stage answers: at its domain, or at the address that AWS gives; raises `UsageError` when it has none."""
    gateway = account.session.client("apigatewayv2", config=PATIENT)
    found = [api for page in gateway.get_paginator("get_apis").paginate() for api in page["Items"]]
    api = next((one for one in found if one["Name"] == stage.called), None)
    if api is None:
        raise UsageError(f"Nothing answers for {stage.called}: it has no HTTP API.")
    for page in gateway.get_paginator("get_domain_names").paginate():
        for domain in page["Items"]:
            mappings = gateway.get_api_mappings(DomainName=domain["DomainName"])["Items"]
            if any(mapping["ApiId"] == api["ApiId"] for mapping in mappings):
                return f"https://{domain['DomainName']}"
    return str(api["ApiEndpoint"])


def dns_hint(account: Account, address: str) -> str:
    """What the DNS record of a stage's own domain has to say; empty for an address that AWS gives."""
    gateway = account.session.client("apigatewayv2", config=PATIENT)
    for page in gateway.get_paginator("get_domain_names").paginate():
        for domain in page["Items"]:
            if address == f"https://{domain['DomainName']}":
                target = domain["DomainNameConfigurations"][0]["ApiGatewayDomainName"]
                return (
                    f"\nIts DNS record has to be a CNAME, or an alias, of {target}, or of what stands before that. With "
                    "a domain the address that AWS gives answers nobody."
                )
    return ""


def stages(account: Account, project: str) -> list[str]:
    """The names of the stages of a project that are deployed in this account and region."""
    pages = account.session.client("ecs").get_paginator("list_task_definition_families")
    answers = pages.paginate(familyPrefix=f"{project}-", status="ACTIVE")
    names = [family.removeprefix(f"{project}-") for answer in answers for family in answer["families"]]
    return sorted(name for name in names if NAME.fullmatch(name))
