"""The network of tasks: public subnets of the account's default VPC, or of another."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from .settings import Settings, SettingsError


class Network(Construct):
    """The VPC, its subnets, and a security group that allows outbound connections only."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        if not settings.vpc_id or not settings.subnet_ids:
            raise SettingsError(
                "The network of tasks is not named. Add: -c vpc_id=vpc-… -c subnet_ids=subnet-…,subnet-…"
            )
        self.subnet_ids = settings.subnet_ids.split(",")
        self.vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=settings.vpc_id,
            availability_zones=[f"zone-{number}" for number in range(len(self.subnet_ids))],
            public_subnet_ids=self.subnet_ids,
        )
        self.security_group = ec2.SecurityGroup(
            self, "Tasks", vpc=self.vpc, description=f"Tasks of {settings.name}: outbound only", allow_all_outbound=True
        )
