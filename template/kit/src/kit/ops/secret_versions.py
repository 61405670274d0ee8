"""The versions of a stage's secrets, which stand in the environment of its functions: a changed secret is a new version.

A Lambda environment reads the secrets once, and lives as long as requests come. A published version never changes, so
only another version has other environments; and Lambda publishes none while code and configuration are the same.
Source: docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
"""

from collections.abc import Mapping
from typing import Any

from kit import secrets
from kit.ops import retry
from kit.ops.aws_account import Account

VARIABLE = "SECRETS_VERSIONS"


def stamp(account: Account, function: str) -> None:
    """Write them into the environment of the code of a function that is not published yet, if they have changed."""
    functions: Any = account.session.client("lambda", config=retry.RETRY)
    configuration = functions.get_function_configuration(FunctionName=function)
    variables = configuration.get("Environment", {}).get("Variables", {})
    current = read(account, variables)
    if variables.get(VARIABLE, "") == current:
        return
    revision = configuration.get("RevisionId")  # which local AWSs don't have
    functions.update_function_configuration(
        FunctionName=function,
        Environment={"Variables": variables | {VARIABLE: current}},
        **({"RevisionId": revision} if revision else {}),  # refused if somebody has changed the function meanwhile
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=function)


def read(account: Account, variables: Mapping[str, str]) -> str:
    """Return the versions of the secrets that a function's variables name; no value is decrypted."""
    names = [variables.get(variable, "") for variable in secrets.STAGE_VARIABLES]
    return ",".join(_version(account, name) for name in names if name)


def _version(account: Account, name: str) -> str:
    if name.startswith("arn:"):
        manager = account.session.client("secretsmanager", config=retry.RETRY)
        stages = manager.describe_secret(SecretId=name)["VersionIdsToStages"]
        return str(next(version for version, labels in stages.items() if "AWSCURRENT" in labels))
    ssm = account.session.client("ssm", config=retry.RETRY)
    try:
        return str(ssm.get_parameter(Name=name)["Parameter"]["Version"])
    except ssm.exceptions.ParameterNotFound:
        return "0"
