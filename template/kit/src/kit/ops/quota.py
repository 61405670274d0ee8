"""`make quota`: how many Lambda environments the account may run at once, and a request to AWS for more."""

import argparse
import sys
from typing import Any

from botocore.exceptions import ClientError

from kit.errors import UsageError
from kit.ops import aws_account, confirm, lambda_quota
from kit.ops.aws_account import Account
from kit.ops.retry import NO_RETRY, RETRY

QUOTA = {"ServiceCode": "lambda", "QuotaCode": "L-B99A9384"}
"""Lambda's concurrent executions."""
OPEN = {
    "PENDING": "AWS has not looked at it yet",
    "CASE_OPENED": "AWS's support looks at it, which may take days",
}
"""States in which a request is open. Source: Service Quotas API Reference, RequestedServiceQuotaChange."""
CLOSED = {
    "APPROVED": "approved",
    "DENIED": "denied",
    "NOT_APPROVED": "not approved; AWS's support says why in its answer to the case",
    "CASE_CLOSED": "closed by AWS's support; its answer is in the case",
    "INVALID_REQUEST": "invalid",
}


def register(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("quota", description="Show how many environments Lambda may run, and ask for more.")
    parser.add_argument("--environments", default="", metavar="N", help="how many to ask for")
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Show the quota and the newest request; ask for more unless there is enough, or a request is open."""
    desired = _number(arguments.environments) if arguments.environments else 0
    account = aws_account.account()
    quota = lambda_quota.read(account)
    print(f"In {account.region}, {quota.describe().removesuffix('. Ask for more: make quota')}.")
    newest = _newest_request(account)
    if newest:
        print(_describe(newest))
    if newest and newest["Status"] in OPEN:
        if desired:
            raise UsageError("AWS takes one request at a time. Wait until this one is answered: make quota")
        return
    if not desired and quota.environments >= lambda_quota.USUAL:
        return
    desired = desired or lambda_quota.USUAL
    if desired <= quota.environments:
        raise UsageError(f"The account has {quota.environments:,} already. Ask for more: make quota ENVIRONMENTS=N")
    hint = f"Add YES=1: make quota ENVIRONMENTS={desired} YES=1"
    confirm.ask(
        f"Ask AWS for {desired:,} environments in {account.region}? It costs nothing.", yes=arguments.yes, hint=hint
    )
    print(_describe(_request(account, desired)))


def _number(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdecimal() and 0 < int(digits) <= 1_000_000):
        raise UsageError(
            f"Invalid number of environments {text!r}; expected one such as 1000: make quota ENVIRONMENTS=1000"
        )
    return int(digits)


def _newest_request(account: Account) -> dict[str, Any] | None:
    client = account.session.client("service-quotas", config=RETRY)
    try:
        pages = client.get_paginator("list_requested_service_quota_change_history_by_quota").paginate(**QUOTA)
        requests = [request for page in pages for request in page["RequestedQuotas"]]
    except ClientError as error:
        print(f"Can't read earlier requests: {aws_account.format_client_error(error)}", file=sys.stderr)
        return None
    return max(requests, key=lambda request: request["Created"], default=None)


def _request(account: Account, desired: int) -> dict[str, Any]:
    client = account.session.client("service-quotas", config=NO_RETRY)
    try:
        response = client.request_service_quota_increase(**QUOTA, DesiredValue=float(desired))
    except client.exceptions.ResourceAlreadyExistsException:
        raise UsageError("A request is open already. See how far it is: make quota") from None
    request: dict[str, Any] = response["RequestedQuota"]
    return request


def _describe(request: dict[str, Any]) -> str:
    status = request["Status"]
    state = OPEN.get(status) or CLOSED.get(status, status)
    case = f" (case {request['CaseId']})" if request.get("CaseId") else ""
    return f"Request for {request['DesiredValue']:,.0f}, of {request['Created']:%Y-%m-%d}: {state}{case}."
