locals {
  # A queue that the app no longer declares stays until `make deploy DROP_QUEUE=…`: it may hold jobs.
  kept_queues = [for name in compact(split(",", var.kept_queues)) : {
    name       = name
    fifo       = endswith(name, ".fifo")
    batch_size = endswith(name, ".fifo") ? 1 : 10
  }]

  queues = { for queue in concat(local.manifest.queues, local.kept_queues) : queue.name => merge(queue, {
    title  = trimsuffix(queue.name, ".fifo")
    suffix = queue.fifo ? ".fifo" : ""
    # One more than a job's attempts: the app dead-letters it first, with the reason. AWS recommends at least five.
    max_receive_count = max(5, [
      for job in local.manifest.jobs : job.attempts + 1
      if job.queue == queue.name || contains(local.kept_queues[*].name, queue.name)
    ]...)
    # Seconds. A job counts while it runs, on Fargate for hours.
    alarm_age = 1800 + max(0, [for job in local.manifest.jobs : job.max_runtime if job.queue == queue.name]...)
  }) }
}

resource "aws_sqs_queue" "jobs" {
  for_each = local.queues

  name                        = "${local.name}-${each.value.title}${each.value.suffix}"
  fifo_queue                  = each.value.fifo
  content_based_deduplication = each.value.fifo        # which EventBridge needs; the app sends an id with each message
  visibility_timeout_seconds  = 6 * local.jobs_timeout # as AWS recommends, to outlast Lambda's own retries; the function hides a message for its job's time
  message_retention_seconds   = 14 * 86400
  sqs_managed_sse_enabled     = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = each.value.max_receive_count
  })
}

resource "aws_sqs_queue" "dead" {
  for_each = local.queues

  name                      = "${local.name}-${each.value.title}-dead${each.value.suffix}"
  fifo_queue                = each.value.fifo
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = true
}

resource "aws_lambda_event_source_mapping" "jobs" {
  for_each = local.queues

  event_source_arn        = aws_sqs_queue.jobs[each.key].arn
  function_name           = aws_lambda_alias.jobs.arn
  batch_size              = each.value.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.jobs_concurrency
  }

  depends_on = [aws_iam_role_policy.jobs]
}
