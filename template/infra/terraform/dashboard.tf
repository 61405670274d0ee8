locals {
  # For each: a title, the statistic, and the metrics.
  charts = [
    { title = "Requests", stat = "Sum", metrics = [
      ["AWS/ApiGateway", "Count", "ApiId", aws_apigatewayv2_api.this.id],
      ["AWS/ApiGateway", "5xx", "ApiId", aws_apigatewayv2_api.this.id],
    ] },
    { title = "Latency, p99", stat = "p99", metrics = [
      ["AWS/ApiGateway", "Latency", "ApiId", aws_apigatewayv2_api.this.id],
    ] },
    { title = "Concurrent environments", stat = "Maximum", metrics = [
      for function in [aws_lambda_function.web, aws_lambda_function.jobs] :
      ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", function.function_name]
    ] },
    { title = "Jobs waiting and failed", stat = "Maximum", metrics = [
      for queue in concat(values(aws_sqs_queue.jobs), values(aws_sqs_queue.dead)) :
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name]
    ] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count          = var.dashboard && !local.is_preview ? 1 : 0
  dashboard_name = local.name

  dashboard_body = jsonencode({
    widgets = [for index, chart in local.charts : {
      type   = "metric"
      x      = 12 * (index % 2)
      y      = 6 * floor(index / 2)
      width  = 12
      height = 6
      properties = {
        title   = chart.title
        region  = var.aws_region
        view    = "timeSeries"
        stat    = chart.stat
        period  = 60
        metrics = chart.metrics
      }
    }]
  })
}
