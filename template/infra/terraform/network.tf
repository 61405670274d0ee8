# The network of tasks: public subnets of the account's default VPC, or of another. They allow outbound connections only.
resource "aws_security_group" "tasks" {
  name_prefix = "${local.name}-tasks-"
  description = "Tasks of ${local.name}: outbound only"
  vpc_id      = var.vpc_id

  # In another VPC it is another group, which must exist before the functions and tasks can use it.
  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = var.vpc_id != "" && length(var.subnet_ids) > 0
      error_message = "Name the network of tasks: vpc_id, and subnet_ids, public subnets of it. `make deploy` takes the account's default VPC."
    }
  }
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  security_group_id = aws_security_group.tasks.id
  description       = "Everywhere"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}
