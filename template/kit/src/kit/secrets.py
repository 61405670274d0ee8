"""Read a secret from AWS by its name: an SSM parameter (SecureString) or a Secrets Manager secret.

read("/my-app/database-url")                                         an SSM parameter
read("arn:aws:secretsmanager:eu-central-1:1234:secret:my-app-x1Yz")   a Secrets Manager secret
"""

from http.client import HTTPException
from typing import Any

from kit import aws
from kit.errors import UsageError

__all__ = ["SecretUnavailable", "read"]

TRIES = 6
"""Many cold starts at once exceed SSM's 40 requests per second. Six tries with jitter fit into Lambda's 10 s of init."""


class SecretUnavailable(ValueError):
    """A secret can't be read. The message has its name and the reason."""


def read(name: str) -> str:
    """Return the secret's text; raises `SecretUnavailable` if it can't be read or is empty."""
    service, operation, payload = _request(name)
    where = name.split(":")[3] if name.startswith("arn:") else None
    try:
        response = aws.call(service, operation, payload, where=where, tries=TRIES)
    except aws.AwsError as error:
        raise SecretUnavailable(f"the secret {name} cannot be read: {error}") from None
    except (OSError, HTTPException) as error:
        raise SecretUnavailable(f"the secret {name} cannot be read: {service} does not answer ({error})") from None
    except UsageError as error:
        raise SecretUnavailable(f"the secret {name} cannot be read: {error}") from None
    text = response.get("Parameter", {}).get("Value") if service == "ssm" else response.get("SecretString")
    if not text:
        raise SecretUnavailable(f"the secret {name} has no text")
    return str(text)


def _request(name: str) -> tuple[str, str, dict[str, Any]]:
    if name.startswith("arn:") and ":secretsmanager:" in name:
        return "secretsmanager", "GetSecretValue", {"SecretId": name}
    if name.startswith("/") or (name.startswith("arn:") and ":ssm:" in name):
        return "ssm", "GetParameter", {"Name": name, "WithDecryption": True}
    raise SecretUnavailable(f"{name!r} is neither an SSM parameter (/my-app/database-url) nor the ARN of a secret")
