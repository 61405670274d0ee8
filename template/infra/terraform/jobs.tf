locals {
  jobs_timeout = 900 # seconds, Lambda's maximum; longer jobs run on Fargate
}

resource "aws_cloudwatch_log_group" "jobs" {
  name              = "/${local.name}/jobs"
  retention_in_days = var.log_retention
}

resource "aws_lambda_function" "jobs" {
  function_name = "${local.name}-jobs"
  description   = "Runs jobs, and enqueues those of schedules"
  role          = aws_iam_role.jobs.arn
  package_type  = "Image"
  image_uri     = var.image
  architectures = [var.architecture]
  memory_size   = var.jobs_memory
  timeout       = local.jobs_timeout

  image_config {
    command = ["kit.aws_lambda.jobs.handler"]
  }

  environment {
    variables = local.function_environment
  }

  logging_config {
    log_format            = "JSON"
    system_log_level      = "WARN"
    application_log_level = "DEBUG"
    log_group             = aws_cloudwatch_log_group.jobs.name
  }

  depends_on = [aws_ecr_repository_policy.this, aws_iam_role_policy.jobs]

  # `make deploy` and `make secret` write it, so that a changed secret is a new version.
  lifecycle {
    ignore_changes = [environment[0].variables["SECRETS_VERSIONS"]]
  }
}

resource "aws_lambda_alias" "jobs" {
  name             = "live"
  function_name    = aws_lambda_function.jobs.function_name
  function_version = "$LATEST"

  lifecycle {
    ignore_changes = [description, function_version]
  }
}

# The event of a schedule goes to the dead-letter queue when the function fails and Lambda's retries do, too.
resource "aws_lambda_function_event_invoke_config" "jobs" {
  function_name          = aws_lambda_function.jobs.function_name
  qualifier              = aws_lambda_alias.jobs.name
  maximum_retry_attempts = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead["default"].arn
    }
  }

  depends_on = [aws_iam_role_policy.jobs]
}

# Permissions to run jobs, on Lambda or on Fargate.
data "aws_iam_policy_document" "work" {
  source_policy_documents = [data.aws_iam_policy_document.app.json]

  statement {
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [for queue in aws_sqs_queue.jobs : queue.arn]
  }

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [for queue in aws_sqs_queue.dead : queue.arn]
  }
}

data "aws_iam_policy_document" "jobs" {
  source_policy_documents = [data.aws_iam_policy_document.work.json]

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.jobs.arn}:*"]
  }

  # Read the streams whose records start jobs.
  dynamic "statement" {
    for_each = length(local.streams) > 0 ? [values(local.stream_arns)] : []

    content {
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
      resources = statement.value
    }
  }

  # Start tasks for jobs that are too long for Lambda.
  statement {
    actions   = ["ecs:RunTask"]
    resources = ["${local.arn}:ecs:${var.aws_region}:${local.account}:task-definition/${local.name}:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }

  statement {
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task.arn, aws_iam_role.task_execution.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "jobs" {
  name                 = "${local.name}-jobs"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by_lambda.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "jobs" {
  name   = "jobs"
  role   = aws_iam_role.jobs.id
  policy = data.aws_iam_policy_document.jobs.json
}
