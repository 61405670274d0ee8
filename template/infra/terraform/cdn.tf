# CloudFront in front of the API, for a stage with a cdn.
locals {
  origin_secret = "/${var.project}/${var.stage}/origin-secret"
  cdn_name      = "${local.name}-${var.aws_region}" # of what is global to the account
}

data "aws_ssm_parameter" "origin_secret" {
  count = local.has_cdn ? 1 : 0
  name  = local.origin_secret
}

resource "aws_cloudfront_distribution" "this" {
  count           = local.has_cdn ? 1 : 0
  comment         = local.name
  enabled         = true
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = "PriceClass_All"
  web_acl_id      = var.web_acl
  aliases         = var.domain_name == "" ? [] : [var.domain_name]

  viewer_certificate {
    cloudfront_default_certificate = var.domain_name == ""
    acm_certificate_arn            = var.domain_name == "" ? null : var.certificate_arn
    ssl_support_method             = var.domain_name == "" ? null : "sni-only"
    minimum_protocol_version       = var.domain_name == "" ? null : "TLSv1.2_2021"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  origin {
    origin_id   = "api"
    domain_name = trimprefix(aws_apigatewayv2_api.this.api_endpoint, "https://")

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
      origin_read_timeout    = 60 # seconds; the API gives up after 30
    }

    # Without it, the app answers 403.
    custom_header {
      name  = "x-origin-secret"
      value = data.aws_ssm_parameter.origin_secret[0].value
    }
  }

  origin {
    origin_id                = "page"
    domain_name              = aws_s3_bucket.page[0].bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.page[0].id
  }

  # Second origin of a request that the API refuses: see viewer_request.js.
  origin {
    origin_id           = "refused"
    domain_name         = "refused.invalid"
    connection_attempts = 1
    connection_timeout  = 1

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }

  default_cache_behavior {
    target_origin_id         = "api"
    viewer_protocol_policy   = "redirect-to-https"
    allowed_methods          = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
    cached_methods           = ["GET", "HEAD"]
    cache_policy_id          = aws_cloudfront_cache_policy.this[0].id
    origin_request_policy_id = "b689b0a8-53d0-40ab-baf2-68738e2966ac" # AllViewerExceptHostHeader, with CloudFront's headers
    compress                 = true

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.viewer_request[0].arn
    }
  }

  ordered_cache_behavior {
    path_pattern           = "/busy.html"
    target_origin_id       = "page"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6" # CachingOptimized
    compress               = true
  }

  # Errors are cached as Cache-Control says, instead of for 10 seconds.
  dynamic "custom_error_response" {
    for_each = [400, 403, 404, 405, 414, 416, 500, 501, 503, 504]

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  # See viewer_request.js.
  custom_error_response {
    error_code            = 502
    error_caching_min_ttl = 1
    response_page_path    = "/busy.html"
    response_code         = 503
  }

  lifecycle {
    precondition {
      condition     = var.domain_name == "" || can(regex("^arn:[^:]+:acm:us-east-1:", var.certificate_arn))
      error_message = "With a cdn, a domain_name needs a certificate_arn in us-east-1: CloudFront takes certificates from there alone."
    }
  }
}

resource "aws_cloudfront_cache_policy" "this" {
  count       = local.has_cdn ? 1 : 0
  name        = local.cdn_name
  comment     = "As long as Cache-Control says"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "whitelist"

      cookies {
        items = concat(["__Host-session"], var.cdn_cookies)
      }
    }

    headers_config {
      header_behavior = "whitelist"

      headers {
        items = ["x-forwarded-host"]
      }
    }

    query_strings_config {
      query_string_behavior = "all"
    }
  }
}

resource "aws_cloudfront_function" "viewer_request" {
  count   = local.has_cdn ? 1 : 0
  name    = local.cdn_name
  comment = "Passes on the host, and fails over"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = file("${path.root}/../../kit/cdn/viewer_request.js")
}

# The page for visitors that the API refuses, which `make deploy` uploads.
resource "aws_s3_bucket" "page" {
  #checkov:skip=CKV_AWS_18: nobody reads a log of who read a public page
  #checkov:skip=CKV_AWS_21: the page is in the repository
  #checkov:skip=CKV_AWS_144: the page is in the repository
  #checkov:skip=CKV_AWS_145: no customer key, which costs 1 USD a month; S3's own encrypts the page
  #checkov:skip=CKV2_AWS_61: the page stays
  #checkov:skip=CKV2_AWS_62: nothing waits for a new page
  count  = local.has_cdn ? 1 : 0
  bucket = "${local.name}-page-${local.account}"
}

resource "aws_s3_bucket_public_access_block" "page" {
  count                   = local.has_cdn ? 1 : 0
  bucket                  = aws_s3_bucket.page[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "page" {
  count = local.has_cdn ? 1 : 0

  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.page[0].arn}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "AWS:SourceArn"
      values   = [aws_cloudfront_distribution.this[0].arn]
    }
  }
}

resource "aws_s3_bucket_policy" "page" {
  count  = local.has_cdn ? 1 : 0
  bucket = aws_s3_bucket.page[0].id
  policy = data.aws_iam_policy_document.page[0].json
}

resource "aws_cloudfront_origin_access_control" "page" {
  count                             = local.has_cdn ? 1 : 0
  name                              = local.cdn_name
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# For `make deploy` and `make status`.
resource "aws_ssm_parameter" "distribution" {
  count = local.has_cdn ? 1 : 0
  name  = "/${var.project}/${var.stage}/distribution"
  type  = "String"

  value = jsonencode({
    domain = aws_cloudfront_distribution.this[0].domain_name
    host   = var.domain_name == "" ? aws_cloudfront_distribution.this[0].domain_name : var.domain_name
    id     = aws_cloudfront_distribution.this[0].id
  })
}
