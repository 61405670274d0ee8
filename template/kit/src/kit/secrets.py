"""Secrets in AWS: a stage's own, and single ones by their name.

A stage has one SSM parameter (SecureString) with all of its secrets as a JSON object, whose name is in `APP_SECRETS`,
beside the one with the database's URL and, behind a CDN, the one with the origin secret. All are read in one call, once
per process, by whichever thread is first.
"""

import json
import os
from http.client import HTTPException
from threading import Lock
from typing import Any

from kit import aws
from kit.errors import UsageError

__all__ = ["SecretUnavailable", "of_stage", "read"]

TRIES = 6
"""Many cold starts at once exceed SSM's 40 requests per second. Six tries with jitter fit into Lambda's 10 s of init."""

STAGE_VARIABLES = ("DATABASE_URL_SECRET", "APP_SECRETS", "ORIGIN_SECRET_PARAMETER")
"""The variables that name the SSM parameters of a stage."""


class SecretUnavailable(ValueError):
    """A secret can't be read. The message has its name and the reason."""


class SecretMissing(SecretUnavailable):
    """A secret is not stored."""


def read(name: str) -> str:
    """Return a secret's text; raises `SecretUnavailable` if it can't be read or is empty.

    name: an SSM parameter such as `/my-app/prod/database-url`, or the ARN of a secret in Secrets Manager.
    """
    if ":secretsmanager:" in name and name.startswith("arn:"):
        where = name.split(":")[3]
        text = _call("secretsmanager", "GetSecretValue", {"SecretId": name}, name, where).get("SecretString")
    elif name.startswith("/"):
        text = _parameters.get(name)
    else:
        raise SecretUnavailable(f"{name!r} is neither an SSM parameter (/my-app/database-url) nor the ARN of a secret")
    if not text:
        raise SecretMissing(f"the secret {name} does not exist or has no text")
    return str(text)


def read_again(name: str) -> str:
    """Return a secret's text as it is stored now, even if this process has read it before; raises as `read` does."""
    _parameters.clear(name)
    return read(name)


def of_stage() -> dict[str, str]:
    """Return the secrets of this process's stage by their names; none on a laptop, or if none are stored.

    Raises `SecretUnavailable`.
    """
    name = os.environ.get("APP_SECRETS", "").strip()
    text = _parameters.get(name) if name else None
    if not text:
        return {}
    try:
        values = json.loads(text)
        return {str(key): str(value) for key, value in values.items()}
    except (ValueError, AttributeError):
        raise SecretUnavailable(f"the secret {name} is not a JSON object; `make secret` writes it") from None


class _Parameters:
    """The SSM parameters that this process has read."""

    def __init__(self) -> None:
        self._values: dict[str, str | None] = {}
        self._reading = Lock()

    def get(self, name: str) -> str | None:
        """Return a parameter's text, `None` if it doesn't exist; the first call reads all parameters of the stage."""
        with self._reading:
            if name not in self._values:
                stage = [os.environ.get(variable, "").strip() for variable in STAGE_VARIABLES]
                names = {name, *(each for each in stage if each.startswith("/"))} - self._values.keys()
                payload = {"Names": sorted(names), "WithDecryption": True}
                response = _call("ssm", "GetParameters", payload, " and ".join(sorted(names)))
                found = {each["Name"]: each["Value"] for each in response.get("Parameters", ())}
                self._values |= {each: found.get(each) for each in names}
            return self._values[name]

    def clear(self, name: str | None = None) -> None:
        """Read a parameter again on its next use, or all of them."""
        with self._reading:
            self._values = {each: value for each, value in self._values.items() if name and each != name}


_parameters = _Parameters()


def forget() -> None:
    """Read the parameters again on the next use."""
    _parameters.clear()


def _call(service: str, operation: str, payload: dict[str, Any], name: str, where: str | None = None) -> dict[str, Any]:
    try:
        return aws.call(service, operation, payload, where=where, tries=TRIES)
    except aws.AwsError as error:
        raise SecretUnavailable(f"the secret {name} cannot be read: {error}") from None
    except (OSError, HTTPException) as error:
        raise SecretUnavailable(f"the secret {name} cannot be read: {service} does not answer ({error})") from None
    except UsageError as error:
        raise SecretUnavailable(f"the secret {name} cannot be read: {error}") from None
