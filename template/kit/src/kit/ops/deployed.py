"""What is deployed of a stage: the task definition of its live version, and its address.

Each version of the jobs function names the revision of the task definition that it was published with, so a rollback
takes both back. The task definition's environment says where tasks run, whichever tool deployed it.
"""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops.aws_account import Account, format_client_error
from kit.ops.retry import RETRY
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
    """Read it from a version of the jobs function; `$LATEST` is the one that is being deployed.

    Raises `UsageError` when the stage does not exist, or access to it is denied.
    """
    functions, ecs = account.session.client("lambda"), account.session.client("ecs")
    try:
        function = functions.get_function_configuration(FunctionName=f"{stage.resource_prefix}-jobs", Qualifier=version)
        revision = function["Environment"]["Variables"]["JOBS_TASK_DEFINITION"]
        return _read(stage, ecs.describe_task_definition(taskDefinition=revision)["taskDefinition"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise UsageError(
                f"Can't read what is deployed as {stage.resource_prefix}: {format_client_error(error)}"
            ) from None
    existing = ", ".join(stages(account, stage.project)) or "none"
    raise UsageError(
        f"Nothing is deployed as {stage.resource_prefix} in {account.region} of account {account.number}. "
        f"Existing stages: {existing}. Deploy it: make deploy STAGE={stage.name}"
    )


def _read(stage: Stage, task_definition: dict[str, Any]) -> Deployed:
    container = next(one for one in task_definition["containerDefinitions"] if one["name"] == "app")
    environment = {variable["name"]: variable["value"] for variable in container["environment"]}
    return Deployed(
        stage=stage,
        cluster=environment["JOBS_CLUSTER"],
        task_definition=task_definition["taskDefinitionArn"],
        image=container["image"],
        subnets=tuple(environment["JOBS_SUBNETS"].split(",")),
        security_groups=tuple(environment["JOBS_SECURITY_GROUPS"].split(",")),
        log_group=container["logConfiguration"]["options"]["awslogs-group"],
    )


@dataclass(frozen=True)
class Distribution:
    """The CDN of a stage."""

    id: str
    domain: str
    """CloudFront's name for it, such as d111111abcdef8.cloudfront.net."""
    host: str
    """The name in the stage's address: its own domain, or CloudFront's."""


def distribution(account: Account, stage: Stage) -> Distribution | None:
    """The CDN of a stage, as the infrastructure noted it in an SSM parameter; `None` without one."""
    ssm = account.session.client("ssm", config=RETRY)
    try:
        parameter = ssm.get_parameter(Name=f"/{stage.project}/{stage.name}/distribution")["Parameter"]
    except ssm.exceptions.ParameterNotFound:
        return None
    return Distribution(**json.loads(parameter["Value"]))


def address(account: Account, stage: Stage) -> str:
    """The URL of a stage: its own domain, its CDN's, or else the API's. Raises `UsageError` when it has no API."""
    if cdn := distribution(account, stage):
        return f"https://{cdn.host}"
    gateway = account.session.client("apigatewayv2", config=RETRY)
    apis = [api for page in gateway.get_paginator("get_apis").paginate() for api in page["Items"]]
    api = next((api for api in apis if api["Name"] == stage.resource_prefix), None)
    if api is None:
        raise UsageError(f"{stage.resource_prefix} has no HTTP API.")
    for page in gateway.get_paginator("get_domain_names").paginate():
        for domain in page["Items"]:
            mappings = gateway.get_api_mappings(DomainName=domain["DomainName"])["Items"]
            if any(mapping["ApiId"] == api["ApiId"] for mapping in mappings):
                return f"https://{domain['DomainName']}"
    return str(api["ApiEndpoint"])


def target(account: Account, stage: Stage, address: str) -> str:
    """The host name in AWS that answers for a stage's own domain; empty for AWS's address."""
    if cdn := distribution(account, stage):
        return "" if cdn.host == cdn.domain else cdn.domain
    gateway = account.session.client("apigatewayv2", config=RETRY)
    for page in gateway.get_paginator("get_domain_names").paginate():
        for domain in page["Items"]:
            if address == f"https://{domain['DomainName']}":
                return str(domain["DomainNameConfigurations"][0]["ApiGatewayDomainName"])
    return ""


def dns_hint(address: str, target: str) -> str:
    """What the DNS record of a stage's own domain must be."""
    hint = f"{address} does not answer yet. Its DNS record must be a CNAME or alias of {target}"
    if target.endswith(".cloudfront.net"):
        return f"{hint}."
    return f"{hint}, or of the CDN or firewall in front of it. With a domain of your own, AWS's address is disabled."


def stages(account: Account, project: str) -> list[str]:
    """The names of the stages of a project that are deployed in this account and region."""
    pages = account.session.client("ecs").get_paginator("list_task_definition_families")
    answers = pages.paginate(familyPrefix=f"{project}-", status="ACTIVE")
    names = [family.removeprefix(f"{project}-") for answer in answers for family in answer["families"]]
    return sorted(name for name in names if NAME.fullmatch(name))
