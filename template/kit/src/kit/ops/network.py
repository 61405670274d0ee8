"""The network of a stage's tasks: the account's default VPC, or the VPC that the stage's settings name.

All stages share it, because an account may have five VPCs in a region by default. What keeps tasks apart is the security
group of each stage, which allows no inbound connection.
"""

from dataclasses import replace
from typing import Any

from kit.errors import UsageError
from kit.ops import ecs_task
from kit.ops.aws_account import Account
from kit.ops.iac import Settings
from kit.ops.retry import RETRY
from kit.ops.stage import Stage

FARGATE_ZONES = {
    "ap-northeast-1": ("apne1-az1", "apne1-az2", "apne1-az4"),
    "cn-north-1": ("cnn1-az1", "cnn1-az2"),
    "us-west-1": ("usw1-az1", "usw1-az3"),
}
"""The ids of the zones with Fargate, in regions where not all zones have it.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
"""
MAX_SUBNETS = 16
"""Source: Amazon ECS API Reference, "AwsVpcConfiguration"."""


def resolve(account: Account, stage: Stage, settings: Settings) -> Settings:
    """Return the settings with the VPC and the subnets that tasks will have; nothing is changed.

    Raises `UsageError` that says what to do if there is no such network, or if tasks are running in another one.
    """
    ec2 = account.session.client("ec2", config=RETRY)
    if bool(settings.vpc_id) != bool(settings.subnet_ids):
        raise UsageError(
            "A VPC of your own needs its public subnets, and they need it. Set both for the stage: the id of the VPC and "
            "the ids of its subnets; or neither, for the account's default VPC."
        )
    if not settings.vpc_id:
        vpc_id = _default_vpc(ec2, account.region)
        settings = replace(settings, vpc_id=vpc_id, subnet_ids=_default_subnets(ec2, account.region, vpc_id))
    _require_no_task_elsewhere(account, stage, ec2, settings.vpc_id)
    return settings


def _default_vpc(ec2: Any, region: str) -> str:
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not vpcs:
        raise UsageError(
            f"This account has no default VPC in {region}, where tasks would run. Create it (it is free): "
            f"aws ec2 create-default-vpc --region {region}; or name another VPC in the stage's settings."
        )
    return str(vpcs[0]["VpcId"])


def _default_subnets(ec2: Any, region: str, vpc_id: str) -> tuple[str, ...]:
    """The VPC's default subnets in zones with Fargate; Local and Wavelength Zones are none."""
    zones = ec2.describe_availability_zones(Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}])
    ids = {zone["ZoneId"] for zone in zones["AvailabilityZones"]}
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "default-for-az", "Values": ["true"]}]
    subnets = {
        subnet["AvailabilityZoneId"]: subnet["SubnetId"]
        for subnet in ec2.describe_subnets(Filters=filters)["Subnets"]
        if subnet["AvailabilityZoneId"] in ids.intersection(FARGATE_ZONES.get(region, ids))
    }
    if not subnets:
        raise UsageError(
            f"The default VPC {vpc_id} has no default subnet in {region} in a zone with Fargate. Create one: "
            f"aws ec2 create-default-subnet --region {region} --availability-zone {region}a"
        )
    return tuple(subnets[zone] for zone in sorted(subnets)[:MAX_SUBNETS])


def _require_no_task_elsewhere(account: Account, stage: Stage, ec2: Any, vpc_id: str) -> None:
    """AWS deletes a security group only when no task uses it, so a deployment to another VPC would stop half-way."""
    ecs = account.session.client("ecs", config=RETRY)
    try:
        tasks = list(ecs_task.describe_all(ecs, stage.resource_prefix))
    except ecs.exceptions.ClusterNotFoundException:
        return
    details = [detail for task in tasks for part in task.get("attachments", []) for detail in part["details"]]
    used = sorted({detail["value"] for detail in details if detail["name"] == "subnetId"})
    if not used:
        return
    subnets = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": used}])["Subnets"]
    if elsewhere := sorted({subnet["VpcId"] for subnet in subnets} - {vpc_id}):
        raise UsageError(
            f"This deployment moves {stage.resource_prefix} to {vpc_id}, and tasks are running in {', '.join(elsewhere)}. "
            f"Wait until they have ended, or stop them, and deploy again. To list them: make status STAGE={stage.name}"
        )
