resource "aws_scheduler_schedule_group" "this" {
  name = local.name
}

# Every schedule invokes the jobs function, which enqueues the job: so it has retries and overlap protection, and runs
# on Fargate if it is too long for Lambda.
resource "aws_scheduler_schedule" "this" {
  for_each = { for schedule in local.manifest.schedules : schedule.name => schedule }

  name                         = each.key
  description                  = "Starts ${each.value.job}"
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = each.value.expression
  schedule_expression_timezone = each.value.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.jobs.arn
    role_arn = aws_iam_role.schedules.arn
    input    = jsonencode(each.value.input)

    retry_policy {
      maximum_retry_attempts       = 30
      maximum_event_age_in_seconds = 3600
    }

    dead_letter_config {
      arn = aws_sqs_queue.dead["default"].arn
    }
  }
}

data "aws_iam_policy_document" "assumed_by_scheduler" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "schedules" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_alias.jobs.arn]
  }

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead["default"].arn]
  }
}

resource "aws_iam_role" "schedules" {
  name                 = "${local.name}-schedules"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by_scheduler.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "schedules" {
  name   = "schedules"
  role   = aws_iam_role.schedules.id
  policy = data.aws_iam_policy_document.schedules.json
}

# For delays of more than 15 minutes, the app creates a one-time schedule that sends the job to its queue.
data "aws_iam_policy_document" "delays" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = concat([for queue in aws_sqs_queue.jobs : queue.arn], [for queue in aws_sqs_queue.dead : queue.arn])
  }
}

resource "aws_iam_role" "delays" {
  name                 = "${local.name}-delays"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by_scheduler.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "delays" {
  name   = "delays"
  role   = aws_iam_role.delays.id
  policy = data.aws_iam_policy_document.delays.json
}
