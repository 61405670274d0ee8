# The brake: AWS Budgets publishes to the topic above budget_brake, and the function has the API refuse all requests.
locals {
  brake = var.budget_brake > 0 && !local.is_preview ? 1 : 0
}

resource "aws_sns_topic" "brake" {
  count = local.brake
  name  = "${local.name}-brake"
}

data "aws_iam_policy_document" "brake_topic" {
  statement {
    actions   = ["sns:Publish"]
    resources = aws_sns_topic.brake[*].arn

    principals {
      type        = "Service"
      identifiers = ["budgets.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "brake" {
  count  = local.brake
  arn    = aws_sns_topic.brake[0].arn
  policy = data.aws_iam_policy_document.brake_topic.json
}

resource "aws_sns_topic_subscription" "brake" {
  count     = local.brake
  topic_arn = aws_sns_topic.brake[0].arn
  protocol  = "lambda"
  endpoint  = aws_lambda_function.brake[0].arn
}

resource "aws_lambda_permission" "brake" {
  count         = local.brake
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.brake[0].arn
  principal     = "sns.amazonaws.com"
  source_arn    = aws_sns_topic.brake[0].arn
}

resource "aws_cloudwatch_log_group" "brake" {
  count             = local.brake
  name              = "/${local.name}/brake"
  retention_in_days = var.log_retention
}

# It knows no secret and may do nothing else.
resource "aws_lambda_function" "brake" {
  count         = local.brake
  function_name = "${local.name}-brake"
  description   = "Refuses all requests above the budget"
  role          = aws_iam_role.brake[0].arn
  package_type  = "Image"
  image_uri     = var.image
  architectures = [var.architecture]
  memory_size   = 512
  timeout       = 60

  image_config {
    command = ["kit.aws_lambda.brake.handler"]
  }

  environment {
    variables = { BRAKE_API = aws_apigatewayv2_api.this.id }
  }

  logging_config {
    log_format            = "JSON"
    system_log_level      = "WARN"
    application_log_level = "DEBUG"
    log_group             = aws_cloudwatch_log_group.brake[0].name
  }

  depends_on = [aws_ecr_repository_policy.this, aws_iam_role_policy.brake]
}

data "aws_iam_policy_document" "brake" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for group in aws_cloudwatch_log_group.brake : "${group.arn}:*"]
  }

  statement {
    actions   = ["apigateway:PATCH"]
    resources = ["${local.arn}:apigateway:${var.aws_region}::/apis/${aws_apigatewayv2_api.this.id}/stages/*"]
  }
}

resource "aws_iam_role" "brake" {
  count                = local.brake
  name                 = "${local.name}-brake"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by_lambda.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "brake" {
  count  = local.brake
  name   = "brake"
  role   = aws_iam_role.brake[0].id
  policy = data.aws_iam_policy_document.brake.json
}
