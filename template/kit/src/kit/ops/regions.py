"""Ask all regions of AWS at once: a project whose region was changed may have left something in another."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError

from kit.ops.aws_account import Account

T = TypeVar("T")

ONCE = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
CLOSED = {"AccessDenied", "AccessDeniedException", "AuthFailure", "OptInRequired", "InvalidClientTokenId"} | {
    "UnrecognizedClientException",
}
"""AWS's errors in a region that the account has not enabled, or where the role may do nothing."""


def ask(account: Account, service: str, call: Callable[[Any, str], T]) -> tuple[dict[str, T], list[str]]:
    """Call a function with a service's client and the name of each region, in parallel.

    Returns the results by region, and the regions that are closed to this role: it cannot have deployed there either.
    """
    partition = account.session.get_partition_for_region(account.region)
    names = {account.region, *account.session.get_available_regions(service, partition_name=partition)}
    # Clients are created in one thread: a session may not be shared by several.
    clients = {name: account.session.client(service, region_name=name, config=ONCE) for name in sorted(names)}
    with ThreadPoolExecutor(len(clients)) as pool:
        futures = {name: pool.submit(call, client, name) for name, client in clients.items()}
    results, closed = {}, []
    for name, future in futures.items():
        try:
            results[name] = future.result()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in CLOSED:
                raise
            closed.append(name)
    return results, closed
