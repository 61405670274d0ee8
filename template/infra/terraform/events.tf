# Events that start jobs: @on in app/. Names that are no ARN are of the stage's own resources, <project>-<stage>-….
locals {
  # The stream of each own table that starts jobs. Set it in own_override.tf:
  #   locals { own_streams = { orders = aws_dynamodb_table.orders.stream_arn } }
  own_streams = {}

  events  = try(local.manifest.events, [])
  rules   = { for event in local.events : event.name => event if event.kind == "rule" }
  topics  = { for event in local.events : event.name => event if event.kind == "topic" }
  streams = { for event in local.events : event.name => event if event.kind == "stream" }

  topic_arns = { for name, topic in local.topics : name =>
    startswith(topic.topic, "arn:") ? topic.topic : "${local.arn}:sns:${var.aws_region}:${local.account}:${local.name}-${topic.topic}"
  }
  stream_arns = { for name, stream in local.streams : name =>
    startswith(stream.table, "arn:") ? stream.table : lookup(local.own_streams, stream.table, "")
  }

  # Who may send to each queue, and to its dead-letter queue: rules and topics. EventBridge's own dead letters need a
  # queue that is not FIFO, so all of them go to the default queue's.
  senders = { for queue in keys(local.queues) : queue => {
    rules  = [for name, rule in local.rules : aws_cloudwatch_event_rule.this[name].arn if rule.queue == queue]
    topics = distinct([for name, topic in local.topics : local.topic_arns[name] if topic.queue == queue])
    failed = [for name, rule in local.rules : aws_cloudwatch_event_rule.this[name].arn if queue == "default"]
  } }
  queues_with_events = toset([for event in local.events : event.queue if event.kind != "stream"])
  dead_with_events = toset(concat(
    [for event in local.events : event.queue if event.kind == "topic"],
    length(local.rules) > 0 ? ["default"] : [],
  ))
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name           = "${local.name}-${each.key}"
  description    = "Starts ${each.value.job}"
  event_bus_name = each.value.bus == "default" || startswith(each.value.bus, "arn:") ? each.value.bus : "${local.name}-${each.value.bus}"
  event_pattern  = replace(jsonencode(each.value.pattern), "\\u003cname\\u003e", local.name) # jsonencode escapes <name>
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rules

  rule           = aws_cloudwatch_event_rule.this[each.key].name
  event_bus_name = aws_cloudwatch_event_rule.this[each.key].event_bus_name
  target_id      = "jobs"
  arn            = aws_sqs_queue.jobs[each.value.queue].arn

  input_transformer {
    input_paths    = each.value.input.paths
    input_template = each.value.input.template
  }

  dynamic "sqs_target" {
    for_each = local.queues[each.value.queue].fifo ? [each.value.job] : []

    content {
      message_group_id = sqs_target.value
    }
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead["default"].arn
  }
}

resource "aws_sns_topic_subscription" "jobs" {
  for_each = local.topics

  topic_arn      = local.topic_arns[each.key]
  protocol       = "sqs"
  endpoint       = aws_sqs_queue.jobs[each.value.queue].arn
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead[each.value.queue].arn })
}

data "aws_iam_policy_document" "events" {
  for_each = local.queues_with_events

  dynamic "statement" {
    for_each = { for service, sources in { events = local.senders[each.key].rules, sns = local.senders[each.key].topics } : service => sources if length(sources) > 0 }

    content {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.jobs[each.key].arn]

      principals {
        type        = "Service"
        identifiers = ["${statement.key}.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }
}

resource "aws_sqs_queue_policy" "jobs" {
  for_each = local.queues_with_events

  queue_url = aws_sqs_queue.jobs[each.key].url
  policy    = data.aws_iam_policy_document.events[each.key].json
}

data "aws_iam_policy_document" "failed_events" {
  for_each = local.dead_with_events

  dynamic "statement" {
    for_each = { for service, sources in { events = local.senders[each.key].failed, sns = local.senders[each.key].topics } : service => sources if length(sources) > 0 }

    content {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.dead[each.key].arn]

      principals {
        type        = "Service"
        identifiers = ["${statement.key}.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }
}

resource "aws_sqs_queue_policy" "dead" {
  for_each = local.dead_with_events

  queue_url = aws_sqs_queue.dead[each.key].url
  policy    = data.aws_iam_policy_document.failed_events[each.key].json
}

# Records of a stream go to the jobs function, which enqueues their jobs.
resource "aws_lambda_event_source_mapping" "streams" {
  for_each = local.streams

  event_source_arn               = local.stream_arns[each.key]
  function_name                  = aws_lambda_alias.jobs.arn
  starting_position              = "TRIM_HORIZON" # so that no record is missed while the mapping is created
  batch_size                     = 100
  bisect_batch_on_function_error = true
  function_response_types        = ["ReportBatchItemFailures"]
  maximum_retry_attempts         = -1 # until the record expires, after a day

  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = each.value.changes })
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.dead["default"].arn
    }
  }

  lifecycle {
    precondition {
      condition     = local.stream_arns[each.key] != ""
      error_message = "${join(" and ", each.value.jobs)}: the stream of the table ${each.value.table} is unknown. Add it to local.own_streams in infra/terraform/own_override.tf."
    }
  }

  depends_on = [aws_iam_role_policy.jobs]
}
