"""The network of tasks: two public subnets without a NAT gateway, so that it costs nothing, or your own VPC."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from .settings import Settings


class Network(Construct):
    """The VPC, its subnets, and a security group without inbound rules."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        if settings.vpc_id:
            self.subnet_ids = settings.subnet_ids.split(",")
            self.vpc = ec2.Vpc.from_vpc_attributes(
                self,
                "Vpc",
                vpc_id=settings.vpc_id,
                availability_zones=[f"zone-{number}" for number in range(len(self.subnet_ids))],
                public_subnet_ids=self.subnet_ids,
            )
        else:
            public = ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24)
            self.vpc = ec2.Vpc(
                self,
                "Vpc",
                ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/16"),
                max_azs=2,
                nat_gateways=0,
                subnet_configuration=[public],
            )
            self.subnet_ids = [subnet.subnet_id for subnet in self.vpc.public_subnets]
        self.security_group = ec2.SecurityGroup(
            self, "Tasks", vpc=self.vpc, description=f"Tasks of {settings.name}: outbound only", allow_all_outbound=True
        )
