data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name     = "${var.project}-${var.stage}"
  manifest = jsondecode(file("${path.root}/../../jobs.json"))
  account  = data.aws_caller_identity.current.account_id
  arn      = "arn:${data.aws_partition.current.partition}"
  secret   = var.database_url_secret != "" ? var.database_url_secret : "/${var.project}/${var.stage}/database-url"

  secrets = "/${var.project}/${var.stage}/secrets"

  is_preview = startswith(var.stage, "preview") # has no alarms, which cost more than all the rest of it

  has_cdn = var.cdn != "off"

  secret_is_arn = startswith(local.secret, "arn:") # of Secrets Manager; otherwise it is the name of an SSM parameter

  # The environment of both functions and, with a few differences, of tasks.
  environment = {
    APP_STAGE               = var.stage
    APP_SECRETS             = local.secrets
    DATABASE_URL_SECRET     = local.secret
    LOG_FORMAT              = "json"
    JOBS                    = "sqs"
    JOBS_QUEUES             = join(",", [for name, queue in aws_sqs_queue.jobs : "${name}=${queue.url}"])
    JOBS_DEAD_LETTER_QUEUES = join(",", [for name, queue in aws_sqs_queue.dead : "${name}=${queue.url}"])
    JOBS_SCHEDULER_GROUP    = aws_scheduler_schedule_group.this.name
    JOBS_SCHEDULER_ROLE     = aws_iam_role.delays.arn
    JOBS_CLUSTER            = aws_ecs_cluster.this.arn
    JOBS_SUBNETS            = join(",", var.subnet_ids)
    JOBS_SECURITY_GROUPS    = aws_security_group.tasks.id
    METRICS_NAMESPACE       = local.name
  }

  # A fixed revision, so that an earlier version starts tasks of its own image.
  function_environment = merge(local.environment, { JOBS_TASK_DEFINITION = aws_ecs_task_definition.this.arn }, local.own_environment)

  # For own.tf, which declares own_environment: the roles of the app's code, and its address.
  roles   = { web = aws_iam_role.web.name, jobs = aws_iam_role.jobs.name, task = aws_iam_role.task.name }
  address = var.domain_name != "" ? "https://${var.domain_name}" : local.has_cdn ? "https://${aws_cloudfront_distribution.this[0].domain_name}" : aws_apigatewayv2_api.this.api_endpoint
}

# Permissions of both functions and of tasks: read the secrets, enqueue jobs, delay them by more than 15 minutes.
data "aws_iam_policy_document" "app" {
  statement {
    actions   = ["ssm:GetParameters"]
    resources = [for name in compact([local.secrets, local.secret_is_arn ? "" : local.secret]) : "${local.arn}:ssm:${var.aws_region}:${local.account}:parameter${name}"]
  }

  dynamic "statement" {
    for_each = local.secret_is_arn ? [local.secret] : []

    content {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
  }

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [for queue in aws_sqs_queue.jobs : queue.arn]
  }

  statement {
    actions   = ["scheduler:CreateSchedule"]
    resources = ["${local.arn}:scheduler:${var.aws_region}:${local.account}:schedule/${aws_scheduler_schedule_group.this.name}/*"]
  }

  statement {
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.delays.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["scheduler.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "assumed_by_lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}
