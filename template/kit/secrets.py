"""A secret from AWS by its name: an SSM parameter (SecureString) or a Secrets Manager secret, read once at the start.

    read("/my-app/database-url")                                         an SSM parameter
    read("arn:aws:secretsmanager:eu-central-1:1234:secret:my-app-x1Yz")   a Secrets Manager secret

Only the standard library is used: importing boto3 and making a client takes a good part of a cold start, and all
that is needed of it is one signed request. The signature is AWS's version 4
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
"""

import hashlib
import hmac
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

ATTEMPTS = 6
"""A cold burst asks for more than SSM's 40 a second; six tries with jitter fit into Lambda's 10 seconds of start."""

TIMEOUT = 2
"""Seconds that one try may take."""

_AGAIN = {
    "ThrottlingException",
    "TooManyUpdates",
    "RequestLimitExceeded",
    "InternalServerError",
    "InternalServiceError",
}


class SecretUnavailable(ValueError):
    """A secret that cannot be had; the message names it and says why."""


@dataclass(frozen=True)
class Credentials:
    """What a request is signed with."""

    key: str
    secret: str
    token: str = ""


def read(name: str, *, sleep: Callable[[float], None] | None = None) -> str:
    """Give the secret's text; raises `SecretUnavailable` when it cannot be had, never a placeholder."""
    for attempt in range(ATTEMPTS):
        if attempt:
            (sleep or time.sleep)(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311  # spread, not secret
        try:
            return _ask(name)
        except _TryAgain as error:
            why = str(error)
    raise SecretUnavailable(f"the secret {name} cannot be read, after {ATTEMPTS} tries: {why}")


class _TryAgain(Exception):
    """It may go better the next time."""


def _ask(name: str) -> str:
    service, target, body = _request(name)
    region = name.split(":")[3] if name.startswith("arn:") else _region(name)
    url = endpoint(service, region)
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target}
    signed = sign(url, headers, body, service, region, _credentials(name), datetime.now(UTC))
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, signed), timeout=TIMEOUT) as answer:  # noqa: S310
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        raise _refusal(name, error) from None
    except (OSError, ValueError) as error:
        raise _TryAgain(f"{urlsplit(url).hostname} does not answer ({error})") from None
    text = said.get("Parameter", {}).get("Value") if service == "ssm" else said.get("SecretString")
    if not text:
        raise SecretUnavailable(f"the secret {name} has no text")
    return str(text)


def _request(name: str) -> tuple[str, str, bytes]:
    if name.startswith("arn:") and ":secretsmanager:" in name:
        return "secretsmanager", "secretsmanager.GetSecretValue", json.dumps({"SecretId": name}).encode()
    if name.startswith("/") or (name.startswith("arn:") and ":ssm:" in name):
        return "ssm", "AmazonSSM.GetParameter", json.dumps({"Name": name, "WithDecryption": True}).encode()
    raise SecretUnavailable(f"{name!r} is neither an SSM parameter (/my-app/database-url) nor the ARN of a secret")


def _refusal(name: str, error: urllib.error.HTTPError) -> Exception:
    try:
        said = json.load(error)
    except ValueError:
        said = {}
    kind = str(said.get("__type", "")).rpartition("#")[2] or f"HTTP {error.code}"
    why = said.get("message") or said.get("Message") or error.reason
    if kind in _AGAIN or error.code == 429 or error.code >= 500:
        return _TryAgain(f"{kind}: {why}")
    return SecretUnavailable(f"the secret {name} cannot be read: {kind}: {why}")


def _region(name: str) -> str:
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        return region
    raise SecretUnavailable(f"the secret {name} cannot be read: AWS_REGION is not set")


def endpoint(service: str, region: str) -> str:
    """The service's address in the region, or the one that AWS_ENDPOINT_URL names, as AWS's own tools take it."""
    named = os.environ.get(f"AWS_ENDPOINT_URL_{'SSM' if service == 'ssm' else 'SECRETS_MANAGER'}")
    if named := named or os.environ.get("AWS_ENDPOINT_URL"):
        return named.rstrip("/") + "/"
    suffix = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}.get(region.partition("-")[0], "amazonaws.com")
    return f"https://{service}.{region}.{suffix}/"


def _credentials(name: str) -> Credentials:
    """Lambda's, from the environment; or a Fargate task's, from the address that ECS gives it."""
    environ = os.environ
    if "AWS_ACCESS_KEY_ID" in environ and "AWS_SECRET_ACCESS_KEY" in environ:
        token = environ.get("AWS_SESSION_TOKEN", "")
        return Credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
    if path := environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        try:
            with urllib.request.urlopen(f"http://169.254.170.2{path}", timeout=TIMEOUT) as answer:
                said = json.load(answer)
        except (OSError, ValueError) as error:
            raise _TryAgain(f"the task's credentials cannot be had ({error})") from None
        return Credentials(said["AccessKeyId"], said["SecretAccessKey"], said["Token"])
    raise SecretUnavailable(f"the secret {name} cannot be read: there are no AWS credentials in the environment")


def sign(
    url: str, headers: dict[str, str], body: bytes, service: str, region: str, who: Credentials, when: datetime
) -> dict[str, str]:
    """The headers of a signed POST to the root of `url`."""
    moment, day = when.strftime("%Y%m%dT%H%M%SZ"), when.strftime("%Y%m%d")
    signed = headers | {"host": urlsplit(url).netloc, "x-amz-date": moment}
    if who.token:
        signed["x-amz-security-token"] = who.token
    names = ";".join(sorted(signed))
    lines = "".join(f"{header}:{signed[header]}\n" for header in sorted(signed))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{who.secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={who.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return signed | {"authorization": authorization}
