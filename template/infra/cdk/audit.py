"""The rules of cdk-nag for the stacks, and the findings that are accepted: `make infra-audit` alone uses them."""

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct
from system.stack import AppStack


def add_rules(app: cdk.App, stack: AppStack) -> None:
    """Fail the synthesis of the app for a finding that is not accepted."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    revisions = f"arn:<AWS::Partition>:ecs:{stack.region}:<AWS::AccountId>:task-definition/{stack.settings.name}:*"
    delays = f"arn:<AWS::Partition>:scheduler:{stack.region}:<AWS::AccountId>:schedule/{stack.settings.name}/*"
    _accept(stack, f"IAM5[Resource::{delays}]", "schedules of delayed jobs, whose names the app makes up")
    _accept(stack.jobs, f"IAM5[Resource::{revisions}]", "each version starts tasks of its own revision")
    _accept(stack.tasks, "IAM5[Resource::*]", "ECS Exec and the registry's token, whose actions support no resources")
    _accept(stack.tasks, "ECS2", "the variables have names and addresses, and no secrets")
    _accept(stack.cluster, "ECS4", "no Container Insights: its metrics cost 30 cents each a month, and tasks are few")
    _accept(
        stack.web, "APIG1", "no access log: the app logs each request, the API's metrics count what doesn't reach it"
    )
    _accept(stack.web, "APIG4", "the pages are public; the app decides who may do what")
    _accept(stack.queues, "SQS4", "only the app's roles and AWS's services may use them, and AWS's SDKs use TLS")
    _accept(stack.node.find_child("Alarms"), "SNS3", "only AWS's own services may publish to it")
    if stack.settings.has_cdn:
        _accept(stack.web.cdn, "CFR1", "visitors may come from every country")
        _accept(
            stack.web.cdn, "CFR2", "no firewall: costs 5 USD a month; kit/docs/infrastructure.md shows how to add one"
        )
        _accept(
            stack.web.cdn, "CFR3", "no access log: the app logs each request, CloudFront's metrics count the others"
        )
        _accept(stack.web.cdn, "CFR4", "TLS 1.2 with a domain; CloudFront's own certificate allows no minimum")
        _accept(stack.web.cdn, "S1", "nobody reads a log of who read a public page")
        _accept(stack.web.cdn, "S10", "CloudFront alone reads the page, and does so by TLS")


def _accept(part: IConstruct, rule: str, reason: str) -> None:
    accepted = cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    cdk.Validations.of(part).acknowledge(accepted)
