# Two public subnets and no NAT gateway: no cost while no task is running.
locals {
  own_network = var.vpc_id == ""
  vpc         = local.own_network ? aws_vpc.this[0].id : var.vpc_id
  subnets     = local.own_network ? aws_subnet.public[*].id : var.subnet_ids
}

data "aws_availability_zones" "available" {
  state = "available"

  # Without Local and Wavelength Zones, which an account opts into and which don't have everything.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "this" {
  count                = local.own_network ? 1 : 0
  cidr_block           = "10.0.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true
}

resource "aws_internet_gateway" "this" {
  count  = local.own_network ? 1 : 0
  vpc_id = aws_vpc.this[0].id
}

resource "aws_subnet" "public" {
  count                   = local.own_network ? 2 : 0
  vpc_id                  = aws_vpc.this[0].id
  cidr_block              = cidrsubnet(aws_vpc.this[0].cidr_block, 8, count.index)
  availability_zone       = data.aws_availability_zones.available.names[count.index]
  map_public_ip_on_launch = true

  # The order of the zones changes when AWS adds one, and a subnet can't move.
  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_route_table" "public" {
  count  = local.own_network ? 1 : 0
  vpc_id = aws_vpc.this[0].id
}

resource "aws_route" "internet" {
  count                  = local.own_network ? 1 : 0
  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  count          = local.own_network ? 2 : 0
  route_table_id = aws_route_table.public[0].id
  subnet_id      = aws_subnet.public[count.index].id
}

# Outbound only: nothing can connect to a task.
resource "aws_security_group" "tasks" {
  name        = "${local.name}-tasks"
  description = "Tasks of ${local.name}: outbound only"
  vpc_id      = local.vpc

  lifecycle {
    precondition {
      condition     = local.own_network || length(var.subnet_ids) > 0
      error_message = "An existing vpc_id needs subnet_ids: public subnets of it, for the tasks."
    }
  }
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  security_group_id = aws_security_group.tasks.id
  description       = "Everywhere"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}
