resource "aws_sns_topic" "alarms" {
  name = "${local.name}-alarms"
}

data "aws_iam_policy_document" "alarms" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "email" {
  count     = var.alarm_email == "" ? 0 : 1
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

locals {
  # For each: the metric, its statistic, and the threshold.
  alarms = merge(
    { for name, queue in local.queues : "${queue.title}-dead" => {
      description = "A job in the queue ${name} failed for good: ./exec python -m kit jobs failed"
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum"
      dimensions  = { QueueName = aws_sqs_queue.dead[name].name }, minutes = 1, threshold = 1
    } },
    { for name, queue in local.queues : "${queue.title}-age" => {
      description = "A job in the queue ${name} has waited for half an hour longer than the longest of its jobs may run"
      namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", statistic = "Maximum"
      dimensions  = { QueueName = aws_sqs_queue.jobs[name].name }, minutes = 5, threshold = queue.alarm_age
    } },
    { for name in length(local.streams) > 0 ? ["jobs-streams"] : [] : name => {
      description = "A record of a stream has been waiting for half an hour for the jobs function"
      namespace   = "AWS/Lambda", metric = "IteratorAge", statistic = "Maximum"
      dimensions  = { FunctionName = aws_lambda_function.jobs.function_name }, minutes = 5, threshold = 1800000
    } },
    { "jobs-errors" = {
      description = "The jobs function returns errors"
      namespace   = "AWS/Lambda", metric = "Errors", statistic = "Sum"
      dimensions  = { FunctionName = aws_lambda_function.jobs.function_name }, minutes = 5, threshold = 1
    } },
    # This includes the web function's errors and throttles: the API answers them with a 5xx.
    { "api-5xx" = {
      description = "The API returns errors"
      namespace   = "AWS/ApiGateway", metric = "5xx", statistic = "Sum"
      dimensions  = { ApiId = aws_apigatewayv2_api.this.id }, minutes = 5, threshold = 5
    } },
    { "api-requests" = {
      description = "More requests in five minutes than expected: see make status, make logs and make cost"
      namespace   = "AWS/ApiGateway", metric = "Count", statistic = "Sum"
      dimensions  = { ApiId = aws_apigatewayv2_api.this.id }, minutes = 5, threshold = var.requests_alarm
    } },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.is_preview ? {} : local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 60 * each.value.minutes
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}
