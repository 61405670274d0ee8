"""A signed form: with its fields a browser may upload one file, and no other.

Importing boto3 takes several hundred milliseconds of a cold start; this takes none. The template's tests check the
signature against botocore's.
Source: Amazon S3 API Reference, "Browser-Based Uploads Using POST (AWS Signature Version 4)".
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kit import aws


@dataclass(frozen=True)
class Form:
    """Where a browser sends a file, as `multipart/form-data`, and the fields that must come before it, named `file`."""

    url: str
    fields: dict[str, str]


class Refused(Exception):
    """The storage refuses an upload, as S3 would."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def signed(
    bucket: str,
    key: str,
    *,
    content_type: str,
    max_bytes: int,
    valid: timedelta,
    by: aws.Credentials,
    region: str,
    moment: datetime,
) -> dict[str, str]:
    """Return the fields that allow one upload from `moment` on for the time `valid`."""
    scope = f"{moment:%Y%m%d}/{region}/s3/aws4_request"
    fields = {
        "key": key,
        "Content-Type": content_type,
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{by.access_key}/{scope}",
        "x-amz-date": f"{moment:%Y%m%dT%H%M%SZ}",
    }
    if by.token:
        fields["x-amz-security-token"] = by.token
    conditions: list[Any] = [{"bucket": bucket}, ["content-length-range", 1, max_bytes]]
    conditions += [{name: value} for name, value in fields.items()]
    document = {"expiration": f"{moment + valid:%Y-%m-%dT%H:%M:%SZ}", "conditions": conditions}
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    return fields | {"policy": policy, "x-amz-signature": _signature(policy, scope, by)}


def check(fields: Mapping[str, str], size: int, *, bucket: str, by: aws.Credentials, moment: datetime) -> None:
    """Raise `Refused` if S3 would refuse a file of that size with these fields."""
    policy, scope = fields.get("policy", ""), fields.get("x-amz-credential", "").partition("/")[2]
    if not hmac.compare_digest(fields.get("x-amz-signature", ""), _signature(policy, scope, by)):
        raise Refused(403, "SignatureDoesNotMatch", "The signature does not match the policy.")
    document = json.loads(base64.b64decode(policy))
    if moment >= datetime.fromisoformat(document["expiration"]):
        raise Refused(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    allowed = {"bucket": bucket}
    for condition in document["conditions"]:
        if isinstance(condition, dict):
            allowed |= condition
        else:
            _, least, most = condition
    if dict(fields) | {"bucket": bucket} != allowed | {name: fields[name] for name in ("policy", "x-amz-signature")}:
        raise Refused(403, "AccessDenied", "Invalid according to Policy: a field differs from it.")
    if size > most:
        raise Refused(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
    if size < least:
        raise Refused(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size.")


def _signature(policy: str, scope: str, by: aws.Credentials) -> str:
    return hmac.digest(aws.signing_key(by.secret_key, scope), policy.encode(), "sha256").hex()
