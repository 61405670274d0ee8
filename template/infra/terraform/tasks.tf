locals {
  token = "/${var.project}/${var.stage}/planetscale-token"

  task_environment = merge(local.environment, {
    JOBS_TASK_DEFINITION     = local.name
    PLANETSCALE_TOKEN_SECRET = local.token
  }, local.own_environment)
}

resource "aws_ecs_cluster" "this" {
  name = local.name
}

resource "aws_cloudwatch_log_group" "tasks" {
  name              = "/${local.name}/tasks"
  retention_in_days = var.log_retention
}

# Long jobs, one-off commands and consoles run in the same image; `env` overrides its entry point, which is Lambda's.
resource "aws_ecs_task_definition" "this" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.task_cpu
  memory                   = var.task_memory
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = aws_iam_role.task_execution.arn
  skip_destroy             = true # a rollback needs earlier revisions

  runtime_platform {
    cpu_architecture        = upper(var.architecture)
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([{
    name            = "app"
    image           = var.image
    essential       = true
    entryPoint      = ["env"]
    command         = ["python", "-m", "kit", "--help"]
    environment     = [for name, value in local.task_environment : { name = name, value = value }]
    linuxParameters = { initProcessEnabled = true } # reaps the processes that an ECS Exec session leaves behind
    stopTimeout     = 120
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.tasks.name
        awslogs-region        = var.aws_region
        awslogs-stream-prefix = "task"
      }
    }
  }])
}

data "aws_iam_policy_document" "assumed_by_ecs" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "task" {
  source_policy_documents = [data.aws_iam_policy_document.work.json]

  # For `python -m kit jobs failed`, `retry` and `purge`.
  statement {
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [for queue in aws_sqs_queue.dead : queue.arn]
  }

  # For migrations of a PlanetScale database.
  statement {
    actions   = ["ssm:GetParameters"]
    resources = ["${local.arn}:ssm:${var.aws_region}:${local.account}:parameter${local.token}"]
  }

  # For ECS Exec; these actions support no resources.
  statement {
    actions = [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "task" {
  name                 = "${local.name}-task"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by_ecs.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "task" {
  name   = "task"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}

# For ECS itself, to start a task: pull the image, write logs.
data "aws_iam_policy_document" "task_execution" {
  statement {
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.this.arn]
  }

  # A token for the registry; this action supports no resources.
  statement {
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.tasks.arn}:*"]
  }
}

resource "aws_iam_role" "task_execution" {
  name                 = "${local.name}-task-execution"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by_ecs.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "task_execution" {
  name   = "task-execution"
  role   = aws_iam_role.task_execution.id
  policy = data.aws_iam_policy_document.task_execution.json
}
