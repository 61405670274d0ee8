"""The network of tasks: found before anything is changed, in zones with Fargate; what is missing is named. EC2 is moto's."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import moto_stage
import pytest
from moto import mock_aws

from kit.errors import UsageError
from kit.ops import network
from kit.ops.aws_account import Account
from kit.ops.iac import Settings
from kit.ops.stage import Stage

STAGE = Stage("my-app", "prod")
SETTINGS = Settings(database_secret="/my-app/prod/database-url")
OWN = replace(SETTINGS, vpc_id="vpc-1", subnet_ids=("subnet-1", "subnet-2"))


def account_in(region: str) -> Account:
    return Account("123456789012", "arn:aws:iam::123456789012:user/me", region, boto3.Session(region_name=region))


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """EC2 in Tokyo, where one of the zones has no Fargate."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("ec2", region_name="ap-northeast-1")


def default_vpc(ec2: Any) -> str:
    return str(ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"])


def delete_default_subnets(ec2: Any) -> None:
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])


def test_tasks_run_in_the_default_subnets_of_the_default_vpc_in_zones_with_fargate(ec2: Any) -> None:
    vpc_id = default_vpc(ec2)
    ec2.create_subnet(VpcId=vpc_id, CidrBlock="172.31.200.0/24", AvailabilityZone="ap-northeast-1a")
    zones = {subnet["SubnetId"]: subnet["AvailabilityZoneId"] for subnet in ec2.describe_subnets()["Subnets"]}
    settings = network.resolve(account_in("ap-northeast-1"), STAGE, SETTINGS)
    assert settings.vpc_id == vpc_id
    assert [zones[subnet] for subnet in settings.subnet_ids] == ["apne1-az1", "apne1-az2", "apne1-az4"]
    assert settings.network == {"VPC_ID": vpc_id, "SUBNET_IDS": ",".join(settings.subnet_ids)}


def test_a_zone_without_fargate_is_left_out(ec2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(network.FARGATE_ZONES, "ap-northeast-1", ("apne1-az1", "apne1-az9"))
    [subnet] = network.resolve(account_in("ap-northeast-1"), STAGE, SETTINGS).subnet_ids
    [described] = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    assert described["AvailabilityZoneId"] == "apne1-az1"


def test_a_stage_may_have_another_vpc(ec2: Any) -> None:
    assert network.resolve(account_in("ap-northeast-1"), STAGE, OWN) == OWN


@pytest.mark.parametrize(("vpc_id", "subnet_ids"), [("vpc-1", ()), ("", ("subnet-1",))], ids=["no subnets", "no VPC"])
def test_another_vpc_needs_its_subnets(ec2: Any, vpc_id: str, subnet_ids: tuple[str, ...]) -> None:
    settings = replace(SETTINGS, vpc_id=vpc_id, subnet_ids=subnet_ids)
    with pytest.raises(UsageError, match="Set both for the stage"):
        network.resolve(account_in("ap-northeast-1"), STAGE, settings)


def test_an_account_without_a_default_vpc_is_told_the_command(ec2: Any) -> None:
    delete_default_subnets(ec2)
    ec2.delete_vpc(VpcId=default_vpc(ec2))
    with pytest.raises(UsageError, match="aws ec2 create-default-vpc --region ap-northeast-1"):
        network.resolve(account_in("ap-northeast-1"), STAGE, SETTINGS)


def test_a_default_vpc_without_subnets_is_told_the_command(ec2: Any) -> None:
    delete_default_subnets(ec2)
    with pytest.raises(UsageError, match="aws ec2 create-default-subnet --region ap-northeast-1"):
        network.resolve(account_in("ap-northeast-1"), STAGE, SETTINGS)


def test_a_stage_with_running_tasks_does_not_move_to_another_vpc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old security group could not be deleted, and a deployment would stop half-way."""
    with moto_stage.running(monkeypatch) as session:
        account = Account("123456789012", "arn:aws:iam::123456789012:user/me", moto_stage.REGION, session)
        assert network.resolve(account, STAGE, SETTINGS).vpc_id == default_vpc(session.client("ec2"))
        moto_stage.start_task(session, "one-off/1")
        with pytest.raises(UsageError, match=r"tasks are running in vpc-.* make status STAGE=prod"):
            network.resolve(account, STAGE, SETTINGS)
