"""Whose AWS account this is: credentials and region, checked before anything is asked of them."""

import os
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from kit.errors import UsageError


@dataclass(frozen=True)
class Account:
    """Who asks, and where."""

    number: str
    caller: str
    """The ARN of the user or role."""
    region: str
    session: boto3.Session


def account() -> Account:
    """Log in with what boto3 finds (environment, profile, SSO, a pipeline's role).

    Raises `UsageError` without credentials or region, with expired ones, and when AWS cannot be reached.
    """
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        region = session.region_name
        if not region:
            raise UsageError("No AWS region is set. Name the one that the app runs in: AWS_REGION=eu-central-1")
        told = session.client("sts").get_caller_identity()
    except (NoCredentialsError, PartialCredentialsError):
        raise UsageError("No AWS credentials were found. Log in first: aws sso login, or set AWS_PROFILE.") from None
    except ClientError as error:
        raise UsageError(f"AWS does not accept these credentials: {reason(error)} Log in again.") from None
    except BotoCoreError as error:
        raise UsageError(f"AWS cannot be asked who you are: {error}") from None
    return Account(told["Account"], told["Arn"], region, session)


def reason(error: ClientError) -> str:
    """What AWS said, as a sentence with its code."""
    told = error.response.get("Error", {})
    return f"{str(told.get('Message', error)).rstrip('.')} ({told.get('Code', 'no code')})."
