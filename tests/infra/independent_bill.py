"""A bill, written again from AWS's price lists and from what the compiled infrastructure creates, to check `make cost` by.

It shares nothing with kit.ops but the description of a day: how many visits, how long a request takes, and so on.
"""

import random
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

HOURS = 730.0
DAYS = HOURS / 24


@dataclass(frozen=True)
class PriceList:
    """USD in the first tier, for arm64."""

    invocation: float = 0.20e-6
    gb_second: float = 13.3334e-6
    api_request: float = 1.00e-6
    sqs_request: float = 0.40e-6
    scheduled: float = 1.00e-6
    image_gb: float = 0.10
    log_gb: float = 0.50
    kept_gb: float = 0.03
    alarm: float = 0.10
    metric: float = 0.30
    vcpu_hour: float = 0.03238
    memory_hour: float = 0.00356
    address_hour: float = 0.005
    out_gb: float = 0.09
    edge_request: float = 1.00e-6
    edge_function: float = 0.10e-6
    edge_out_gb: float = 0.085
    edge_in_gb: float = 0.020
    bucket_read: float = 0.40e-6


PRICE_LISTS = {
    "us-east-1": PriceList(),
    "eu-west-1": PriceList(api_request=1.11e-6, log_gb=0.57, edge_request=1.20e-6),
    "ap-northeast-1": PriceList(
        api_request=1.29e-6,
        log_gb=0.76,
        kept_gb=0.033,
        vcpu_hour=0.04045,
        memory_hour=0.00442,
        out_gb=0.114,
        edge_request=1.20e-6,
        edge_out_gb=0.114,
        edge_in_gb=0.060,
        bucket_read=0.37e-6,
    ),
}
"""Sources: for us-east-1 AWS's pricing pages; for the others the price lists of AWSLambda, AmazonApiGateway,
AmazonCloudWatch, AWSQueueService, AmazonECS, AmazonECR, AWSDataTransfer, AmazonCloudFront and AmazonS3, published in
September and October 2026.
"""


@dataclass(frozen=True)
class Day:
    """What happens, in numbers per day, or per request and job."""

    requests: float = 0
    request_seconds: float = 0.03
    answer_kb: float = 8
    jobs: float = 0
    job_seconds: float = 0.3
    log_kb: float = 0.3
    task_hours: float = 0


class Bill:
    """Adds up USD for a system that is described by tests/infra."""

    def __init__(self, system: dict[str, Any], prefix: str, region: str) -> None:
        self.system, self.price = system, PRICE_LISTS[region]
        self.web, self.jobs = (system["functions"][f"{prefix}-{part}"] for part in ("web", "jobs"))
        self.task = system["tasks"][prefix]

    def month(self, *, image_gb: float = 0.3, tick_seconds: float = 0.2, log_kb: float = 0.3) -> float:
        """A month in which nobody comes."""
        price = self.price
        existing = image_gb * price.image_gb + len(self.system["alarms"]) * price.alarm
        # Five pollers of a queue, each asking three times a minute.
        sources = [arn for arn in self.system["sources"] if ":sqs:" in arn]
        polls = len(sources) * 5 * 3 * 60 * HOURS * price.sqs_request
        ticks = sum(runs_a_month(one["when"][0]) for one in self.system["schedules"].values())
        # A schedule calls the function, which sends a message; the queue calls it again.
        each = price.scheduled + 4 * price.sqs_request + 2 * self.call(self.jobs, tick_seconds, log_kb)
        return existing + polls + ticks * each

    def call(self, function: dict[str, Any], seconds: float, log_kb: float) -> float:
        """An invocation, with what it logs."""
        compute = function["memory"] / 1024 * seconds * self.price.gb_second
        return self.price.invocation + compute + log_kb / 1e6 * (self.price.log_gb + self.price.kept_gb)

    def day(self, day: Day) -> float:
        """What a day adds."""
        request = self.price.api_request + day.answer_kb / 1e6 * self.price.out_gb
        request += self.call(self.web, day.request_seconds, day.log_kb)
        job = 4 * self.price.sqs_request + self.call(self.jobs, day.job_seconds, day.log_kb)
        return day.requests * request + day.jobs * job + self.tasks(day.task_hours)

    def edge(self, requests: float, *, out_gb: float, in_gb: float = 0) -> float:
        """What CloudFront bills by use: requests, each with a function before it, and what it sends to either side."""
        price = self.price
        each = price.edge_request + price.edge_function
        return requests * each + out_gb * price.edge_out_gb + in_gb * price.edge_in_gb

    def day_behind_cdn(self, day: Day, *, fetched: float) -> float:
        """What a day adds if the CDN fetches so many of its requests from the app; what it fetches leaves AWS for free."""
        app = self.day(replace(day, requests=fetched)) - fetched * day.answer_kb / 1e6 * self.price.out_gb
        return app + self.edge(day.requests, out_gb=day.requests * day.answer_kb / 1e6)

    def tasks(self, hours: float) -> float:
        """Hours of tasks on Fargate."""
        cpu, memory = (size / 1024 for size in self.task["size"])
        return hours * (cpu * self.price.vcpu_hour + memory * self.price.memory_hour + self.price.address_hour)


def fetches(requests: float, *, hours: float = 24, caches: int = 15, fresh_seconds: float = 1) -> float:
    """How often caches fetch an address that visitors ask for at random, from a simulation of one cache."""
    chance, arrivals = random.Random(29), 40_000
    every = hours * 3600 * caches / requests
    now = fresh_until = 0.0
    count = 0
    for _ in range(arrivals):
        now += chance.expovariate(1 / every)
        if now >= fresh_until:
            count, fresh_until = count + 1, now + fresh_seconds
    return requests * count / arrivals


@dataclass(frozen=True)
class Abuse:
    """A night in which somebody sends what they like, and the app answers as it can."""

    hours: float
    rate: float
    """Requests a second that are sent."""
    request_seconds: float
    body_kb: float
    answer_kb: float
    log_kb: float
    query_kb: float
    """What the app sends to the database, which leaves AWS."""
    jobs: float
    """For each request that is answered."""
    passed_on: float = 1
    """The part of the requests that a CDN passes on, as nobody has asked for the same before."""
    direct: float = 0
    """Requests a second that go to the API itself, which the app refuses if there is a CDN."""
    gbits: float = 1
    """What the abuser's line carries each way, a second."""


def night_behind_cdn(bill: Bill, abuse: Abuse) -> float:
    """USD. The CDN answers all requests, with a page from the bucket where the API refuses them."""
    seconds = abuse.hours * 3600
    line = abuse.gbits / 8 * seconds
    sent = abuse.rate * seconds
    asked = abuse.rate * abuse.passed_on + abuse.direct
    answer_kb = 0.5 * abuse.direct / asked if asked else 0
    usd = night(bill, replace(abuse, rate=asked), answered_kb=answer_kb)
    usd += bill.edge(sent, out_gb=min(line, sent * abuse.answer_kb / 1e6), in_gb=min(line, sent * abuse.body_kb / 1e6))
    refused = max(0, asked - bill.system["api"]["at most"][0])
    return usd + min(refused, 15) * seconds * bill.price.bucket_read


def night(bill: Bill, abuse: Abuse, *, environments: int = 1000, answered_kb: float | None = None) -> float:
    """USD; `answered_kb` is what leaves AWS for each request, if not the answer. The throttle of the compiled infrastructure refuses what is too much, and so does Lambda; neither is billed."""
    rate, burst = bill.system["api"]["at most"]
    seconds = abuse.hours * 3600
    accepted = min(abuse.rate * seconds, burst + rate * seconds)
    answered = min(accepted, environments / abuse.request_seconds * seconds) if seconds else 0
    price = bill.price
    usd = accepted * ceil(max(abuse.body_kb, abuse.answer_kb, 1) / 512) * price.api_request
    usd += accepted * (abuse.answer_kb if answered_kb is None else answered_kb) / 1e6 * price.out_gb
    usd += answered * (bill.call(bill.web, abuse.request_seconds, abuse.log_kb) + abuse.query_kb / 1e6 * price.out_gb)
    return usd + answered * abuse.jobs * (4 * price.sqs_request + bill.call(bill.jobs, 0.3, 0.3))


def runs_a_month(expression: str) -> float:
    """Of a schedule, such as rate(5 minutes) or a daily cron."""
    if expression.startswith("rate("):
        number, unit = expression[5:-1].split()
        return HOURS * {"minute": 60, "hour": 1, "day": 1 / 24}[unit.rstrip("s")] / int(number)
    minute, hour, *rest = expression[5:-1].split()
    assert minute.isdecimal() and hour.isdecimal() and rest in (["*", "*", "?", "*"], ["?", "*", "*", "*"]), expression
    return DAYS
