resource "aws_cloudwatch_log_group" "web" {
  name              = "/${local.name}/web"
  retention_in_days = var.log_retention
}

resource "aws_lambda_function" "web" {
  function_name                  = "${local.name}-web"
  description                    = "Answers web requests"
  role                           = aws_iam_role.web.arn
  package_type                   = "Image"
  image_uri                      = var.image
  architectures                  = [var.architecture]
  memory_size                    = var.web_memory
  timeout                        = 29 # seconds; the HTTP API gives up after 30
  reserved_concurrent_executions = var.web_reserved_concurrency

  image_config {
    command = ["kit.aws_lambda.web.handler"]
  }

  environment {
    variables = merge(local.function_environment, local.has_cdn ? { ORIGIN_SECRET_PARAMETER = local.origin_secret } : {})
  }

  logging_config {
    log_format            = "JSON"
    system_log_level      = "WARN"  # without START and REPORT, which are more than the app's own line for a request
    application_log_level = "DEBUG" # LOG_LEVEL decides
    log_group             = aws_cloudwatch_log_group.web.name
  }

  depends_on = [aws_ecr_repository_policy.this, aws_iam_role_policy.web]

  # `make deploy` and `make secret` write it, so that a changed secret is a new version.
  lifecycle {
    ignore_changes = [environment[0].variables["SECRETS_VERSIONS"]]
  }
}

# Live traffic goes to this alias: `make deploy` and `make rollback` point it at a version.
resource "aws_lambda_alias" "web" {
  name             = "live"
  function_name    = aws_lambda_function.web.function_name
  function_version = "$LATEST"

  lifecycle {
    ignore_changes = [description, function_version]
  }
}

resource "aws_apigatewayv2_api" "this" {
  name          = local.name
  protocol_type = "HTTP"

  # With a domain, requests must not bypass a firewall in front of it. The template's own CDN needs this endpoint.
  disable_execute_api_endpoint = local.has_api_domain
}

resource "aws_apigatewayv2_integration" "web" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_alias.web.arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "web" {
  api_id    = aws_apigatewayv2_api.this.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.web.id}"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  # More requests are answered with a 429, which costs nothing.
  default_route_settings {
    throttling_rate_limit  = var.throttle_rate
    throttling_burst_limit = var.throttle_burst
  }
}

resource "aws_lambda_permission" "web" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.web.function_name
  qualifier     = aws_lambda_alias.web.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}

data "aws_iam_policy_document" "web" {
  source_policy_documents = [data.aws_iam_policy_document.app.json]

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.web.arn}:*"]
  }

  dynamic "statement" {
    for_each = local.has_cdn ? [local.origin_secret] : []

    content {
      actions   = ["ssm:GetParameters"]
      resources = ["${local.arn}:ssm:${var.aws_region}:${local.account}:parameter${statement.value}"]
    }
  }
}

resource "aws_iam_role" "web" {
  name                 = "${local.name}-web"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by_lambda.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "web" {
  name   = "web"
  role   = aws_iam_role.web.id
  policy = data.aws_iam_policy_document.web.json
}
