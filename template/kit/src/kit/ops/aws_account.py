"""The AWS account, region and identity that a command runs with."""

import os
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from kit.errors import UsageError


@dataclass(frozen=True)
class Account:
    """An AWS account, with the session to use it."""

    number: str
    caller: str
    """The ARN of the user or role."""
    region: str
    session: boto3.Session


def account() -> Account:
    """Log in with the credentials that boto3 finds: environment, profile, SSO, or the role of a pipeline.

    Raises `UsageError` without credentials or a region, with expired credentials, and when AWS is not reachable.
    """
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        region = session.region_name
        if not region:
            raise UsageError("No AWS region is set. Set the region of the app: AWS_REGION=eu-central-1")
        identity = session.client("sts").get_caller_identity()
    except (NoCredentialsError, PartialCredentialsError):
        raise UsageError("No AWS credentials were found. Log in first: aws sso login, or set AWS_PROFILE.") from None
    except ClientError as error:
        raise UsageError(f"AWS rejected these credentials: {format_client_error(error)} Log in again.") from None
    except BotoCoreError as error:
        raise UsageError(f"Can't reach AWS to check your credentials: {error}") from None
    return Account(identity["Account"], identity["Arn"], region, session)


def format_client_error(error: ClientError) -> str:
    """AWS's message with its error code, as a sentence."""
    details = error.response.get("Error", {})
    return f"{str(details.get('Message', error)).rstrip('.')} ({details.get('Code', 'no code')})."
