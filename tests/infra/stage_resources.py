"""The resources of a stage in AWS, with what a request for them tells IAM."""

from dataclasses import dataclass, field

REGION, ACCOUNT, PROJECT = "eu-central-1", "123456789012", "my-app"
APIS = {"prod": "prodapi001", "preview12": "previewapi"}
BUCKETS = {
    "sam": "aws-sam-cli-managed-default-samclisourcebucket-1a2b3c",
    "cdk": f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}",
    "terraform": "my-state",
}


@dataclass(frozen=True)
class Resource:
    """A resource; its tags are `project` and `stage` if it can have any."""

    arn: str
    tags: dict[str, str] = field(default_factory=dict)
    inherits: bool = False
    """Whether the tags may be those of its parent: AWS's references contradict each other for parts of an HTTP API."""
    context: dict[str, str] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.arn.split(":")[2]

    def contexts(self) -> list[dict[str, str]]:
        """What a request may say of the resource."""
        tagged = {f"aws:ResourceTag/{name}": value for name, value in self.tags.items()}
        return [self.context | tagged, *([self.context] if self.inherits else [])]


def arn(service: str, resource: str) -> str:
    """An ARN in the account and region, as far as the service has them."""
    if service == "wafv2":
        return f"arn:aws:wafv2:us-east-1:{ACCOUNT}:{resource}"
    region = "" if service in {"iam", "s3", "budgets", "cloudfront"} or resource.startswith("dashboard/") else REGION
    return f"arn:aws:{service}:{region}:{'' if service in {'s3', 'apigateway'} else ACCOUNT}:{resource}"


def of_stage(stage: str) -> list[Resource]:
    """All resources of a stage."""
    name, api = f"{PROJECT}-{stage}", APIS[stage]
    tags = {"project": PROJECT, "stage": stage}
    function = {"lambda:FunctionArn": arn("lambda", f"function:{name}-jobs:live")}
    named = {
        "lambda": [f"function:{name}-{part}{version}" for part in ("web", "jobs", "own") for version in ("", ":live", ":7")],
        "iam": [
            *(f"role/{name}-{role}" for role in ("web", "jobs", "task", "task-execution", "schedules", "delays")),
            *(f"policy/{name}-{policy}" for policy in ("app", "work")),
        ],
        "ecr": [f"repository/{name}"],
        "sqs": [f"{name}-default", f"{name}-default-dead", f"{name}-orders.fifo"],
        "scheduler": [f"schedule-group/{name}", f"schedule/{name}/tidy"],
        "events": [f"rule/{name}-thumbnail", f"rule/{name}-orders/{name}-new"],
        "sns": [f"{name}-alarms", f"{name}-orders"],
        "cloudwatch": [f"alarm:{name}-api-5xx", f"dashboard/{name}"],
        "budgets": [f"budget/{name}"],
        "logs": [f"log-group:/{name}/web", f"log-group:/{name}/tasks:log-stream:task/1"],
        "ssm": [
            f"parameter/{PROJECT}/{stage}/{kind}"
            for kind in ("database-url", "secrets", "planetscale-token", "origin-secret", "distribution")
        ],
        "wafv2": [f"global/webacl/{name}-{REGION}/0a1b"],
        "cloudfront": [f"distribution/{stage}EXAMPLE", f"function/{name}-{REGION}"],
        "dynamodb": [f"table/{name}-orders/stream/2026-01-31T00:00:00.000"],
        "s3": [
            f"{name}-page-{ACCOUNT}",
            f"{name}-page-{ACCOUNT}/busy.html",
            f"{name}-uploads-{ACCOUNT}",
            f"{name}-uploads-{ACCOUNT}/photos/1.jpg",
            *(f"{BUCKETS[iac]}/{name}/1a2b3c.template" for iac in ("sam", "cdk")),
            f"{BUCKETS['terraform']}/env:/{stage}/my-app",
            f"{BUCKETS['terraform']}/env:/{stage}/my-app.tflock",
        ],
        "cloudformation": [f"stack/{name}/0a1b", f"stack/{name}-image/0a1b"],
    }  # fmt: skip
    clustered = {"ecs:cluster": arn("ecs", f"cluster/{name}")}
    return [
        *(Resource(arn(service, each), tags) for service, names in named.items() for each in names),
        Resource(arn("ecs", f"cluster/{name}"), tags),
        Resource(arn("ecs", f"task/{name}/0a1b"), tags, context=clustered),
        Resource(arn("ecs", f"task-definition/{name}:7"), tags, context=clustered),
        Resource(arn("pricingplanmanager", f"subscription/{stage}-0a1b")),
        *(Resource(arn("cloudfront", f"{kind}/{stage}-0a1b")) for kind in ("cache-policy", "origin-access-control")),
        Resource(arn("lambda", f"event-source-mapping:{stage}-0a1b"), tags, context=function),
        Resource(arn("ec2", f"security-group/security-group-{stage}"), tags),
        Resource(arn("apigateway", f"/apis/{api}"), tags),
        *(
            Resource(arn("apigateway", f"/apis/{api}/{part}"), tags, inherits=True)
            for part in ("integrations", "integrations/0a", "routes", "routes/0a", "stages", "stages/$default")
        ),
        Resource(
            arn("apigateway", f"/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Fapis%2F{api}"), tags, inherits=True
        ),
    ]


def of_production_alone() -> list[Resource]:
    """What only production has, and what all stages share."""
    domain = "wall.example.com"
    tags = {"project": PROJECT, "stage": "prod"}
    shared = {
        "iam": ["role/my-app-deploy", "role/my-app-preview", f"policy/{PROJECT}-preview-boundary", "policy/my-app-prod-system"],
        "cloudformation": ["stack/aws-sam-cli-managed-default/0a1b", "stack/CDKToolkit/0a1b"],
        "s3": [*BUCKETS.values(), f"{BUCKETS['terraform']}/my-app"],
        "ec2": ["vpc/vpc-default", "subnet/subnet-default", "security-group/sg-of-others", "route-table/rtb-default"],
        "sns": [f"{PROJECT}-prod-alarms:1a2b-a-subscription"],
        "apigateway": ["/apis/otherapi01/routes/0a"],
    }  # fmt: skip
    return [
        *(Resource(arn(service, each)) for service, names in shared.items() for each in names),
        Resource(arn("apigateway", f"/domainnames/{domain}"), tags),
        Resource(arn("apigateway", f"/domainnames/{domain}/apimappings/0a"), tags, inherits=True),
        Resource(arn("apigateway", f"/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Fdomainnames%2F{domain}"), tags, inherits=True),
    ]  # fmt: skip
