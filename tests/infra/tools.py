"""A manifest with every kind of queue, job and schedule; and the environment in which tests run tools."""

import os
from pathlib import Path
from typing import Any

import parts
from rendering import ROOT

LONGEST_QUEUE = "mail-to-all-the-customers1"
LONGEST_FIFO_QUEUE = "orders-of-all-the-shops-26.fifo"
LONGEST_SCHEDULE = "re_build." + 55 * "2"
LONGEST_RULE = "thumbnails_of_photos"
LONGEST_RESOURCE = "orders-of-all-the-shops-in-all-countries"
LONGEST_JOB = "app.jobs.tidy" + 242 * "_"
LONGEST_FIFO_JOB = "app.jobs.rebuild" + 112 * "_"
"""The longest names that may be declared; a resource is a bus, a topic or a table."""

MANIFEST: dict[str, Any] = {
    "version": 1,
    "queues": [
        {"name": "default", "fifo": False, "batch_size": 10},
        {"name": LONGEST_QUEUE, "fifo": False, "batch_size": 10},
        {"name": LONGEST_FIFO_QUEUE, "fifo": True, "batch_size": 1},
    ],
    "jobs": [
        {"name": LONGEST_JOB, "queue": "default", "runs_on": "lambda", "attempts": 13, "max_runtime": 60},
        {"name": "app.jobs.send", "queue": LONGEST_QUEUE, "runs_on": "lambda", "attempts": 2, "max_runtime": 60},
        {
            "name": LONGEST_FIFO_JOB,
            "queue": LONGEST_FIFO_QUEUE,
            "runs_on": "fargate",
            "attempts": 20,
            "max_runtime": 7200,
        },
    ],
    "schedules": [
        {
            "name": "tidy",
            "job": LONGEST_JOB,
            "queue": "default",
            "runs_on": "lambda",
            "expression": "cron(0 3 * * ? *)",
            "timezone": "Asia/Tokyo",
            "overlap": "skip",
            "input": {"schedule": "tidy", "time": "<aws.scheduler.scheduled-time>"},
        },
        {
            "name": LONGEST_SCHEDULE,
            "job": LONGEST_FIFO_JOB,
            "queue": LONGEST_FIFO_QUEUE,
            "runs_on": "fargate",
            "expression": "rate(1 day)",
            "timezone": "UTC",
            "overlap": "queue",
            "input": {"schedule": LONGEST_SCHEDULE, "time": "<aws.scheduler.scheduled-time>"},
        },
    ],
}
"""More than the example app has: several queues, a FIFO queue, and both kinds of schedules."""

WITH_EVENTS: dict[str, Any] = MANIFEST | {
    "events": [
        {
            "kind": "rule",
            "name": LONGEST_RULE,
            "job": "app.jobs.thumbnail",
            "queue": "default",
            "runs_on": "lambda",
            "bus": "default",
            "pattern": {
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": ["<name>-uploads"]}, "object": {"key": [{"wildcard": "photos/*.jpg"}]}},
            },
            "input": {
                "paths": {"id": "$.id", "event": "$.detail"},
                "template": '{"v":1,"job":"app.jobs.thumbnail","id":"<id>",'
                '"time":"<aws.events.event.ingestion-time>","once":true,"event":<event>}',
            },
        },
        {
            "kind": "rule",
            "name": "rebuild_2",
            "job": LONGEST_FIFO_JOB,
            "queue": LONGEST_FIFO_QUEUE,
            "runs_on": "fargate",
            "bus": LONGEST_RESOURCE,
            "pattern": {"source": ["app.${orders}"], "detail": {"total": [{"numeric": [">", 0, "<=", 5]}]}},
            "input": {
                "paths": {"id": "$.id"},
                "template": '{"v":1,"job":"app.jobs.rebuild","id":"<id>",'
                '"time":"<aws.events.event.ingestion-time>","once":false,"event":<aws.events.event.json>}',
            },
        },
        {
            "kind": "rule",
            "name": "elsewhere",
            "job": LONGEST_JOB,
            "queue": "default",
            "runs_on": "lambda",
            "bus": "arn:aws:events:us-east-1:123456789012:event-bus/partner",
            "pattern": {"source": ["partner"]},
            "input": {
                "paths": {"id": "$.id"},
                "template": '{"v":1,"job":"app.jobs.tidy","id":"<id>",'
                '"time":"<aws.events.event.ingestion-time>","once":false,"event":<aws.events.event.json>}',
            },
        },
        {
            "kind": "stream",
            "name": "arn5d41402a",
            "table": "arn:aws:dynamodb:us-east-1:123456789012:table/my-app-b2-orders/stream/2026-01-31T00:00:00.000",
            "jobs": ["app.jobs.send", LONGEST_JOB],
            "changes": ["INSERT", "REMOVE"],
        },
        {
            "kind": "topic",
            "name": "send",
            "job": "app.jobs.send",
            "queue": LONGEST_QUEUE,
            "runs_on": "lambda",
            "topic": LONGEST_RESOURCE,
        },
        {
            "kind": "topic",
            "name": "rebuild",
            "job": LONGEST_FIFO_JOB,
            "queue": LONGEST_FIFO_QUEUE,
            "runs_on": "fargate",
            "topic": "arn:aws:sns:us-east-1:210987654321:orders.fifo",
        },
    ]
}
"""The same with every kind of event that starts a job."""


def turn_cdn_on(app: Path, iac: str) -> None:
    """Let the app's stage prod have a CDN."""
    match iac:
        case "sam":
            app.joinpath("infra/sam/stages/prod.toml").write_text('Cdn = "pay-as-you-go"\n')
        case "terraform":
            app.joinpath("infra/terraform/prod.tfvars").write_text('cdn = "pay-as-you-go"\n')
        case "cdk":
            file = app / "infra/cdk/cdk.json"
            file.write_text(file.read_text().replace('"prod": {}', '"prod": { "cdn": "pay-as-you-go" }'))


TOOLS_CACHE = ROOT / "build" / "tools"


def environment() -> dict[str, str]:
    """This process's environment without its virtual environment and AWS; tools cache downloads in build/tools."""
    providers = TOOLS_CACHE / "terraform"
    providers.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV" and not name.startswith("AWS_")}
    return kept | {
        "UV_TOOL_DIR": str(TOOLS_CACHE / "uv"),
        "npm_config_cache": str(TOOLS_CACHE / "npm"),
        "TF_PLUGIN_CACHE_DIR": str(providers),
        "AWS_EC2_METADATA_DISABLED": "true",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "CHECKPOINT_DISABLE": "1",
    }


def require_provider(output: str) -> None:
    """Skip the test if Terraform cannot download its provider."""
    if "Failed to query available provider packages" in output:
        parts.missing("Terraform's provider for AWS", "neither a registry nor a mirror gives it")
