# Your own domain. A CDN answers for it itself: see cdn.tf.
locals {
  has_api_domain = var.domain_name != "" && !local.has_cdn
}

resource "aws_apigatewayv2_domain_name" "this" {
  count       = local.has_api_domain ? 1 : 0
  domain_name = var.domain_name

  domain_name_configuration {
    certificate_arn = var.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }

  lifecycle {
    precondition {
      condition     = var.certificate_arn != ""
      error_message = "A domain_name needs a certificate_arn: its certificate, in ACM in the same region."
    }
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  count       = local.has_api_domain ? 1 : 0
  api_id      = aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.this[0].id
  stage       = aws_apigatewayv2_stage.this.id
}
