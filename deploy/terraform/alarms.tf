# What watches it. Every alarm leads to its page in docs/operations.md.

locals {
  alarmed = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "undelivered" {
  alarm_name          = "${var.name}-undelivered"
  alarm_description   = "Events did not reach their queue. ${var.runbook_url}#undelivered"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.undelivered.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
}

resource "aws_cloudwatch_metric_alarm" "denied" {
  alarm_name          = "${var.name}-denied"
  alarm_description   = "The policy refuses again and again. ${var.runbook_url}#denied"
  namespace           = "Interlock"
  metric_name         = "${var.name}-denials"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
}

resource "aws_cloudwatch_metric_alarm" "table_throttled" {
  alarm_name          = "${var.name}-table-throttled"
  alarm_description   = "DynamoDB throttles the ledger. ${var.runbook_url}#table-throttled"
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
  metric_query {
    id          = "throttled"
    expression  = "FILL(reads, 0) + FILL(writes, 0) + FILL(index, 0)"
    label       = "Throttled requests"
    return_data = true
  }
  metric_query {
    id          = "reads"
    return_data = false
    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "ReadThrottleEvents"
      dimensions  = { TableName = aws_dynamodb_table.table.name }
      period      = 60
      stat        = "Sum"
    }
  }
  metric_query {
    id          = "writes"
    return_data = false
    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "WriteThrottleEvents"
      dimensions  = { TableName = aws_dynamodb_table.table.name }
      period      = 60
      stat        = "Sum"
    }
  }
  metric_query {
    id          = "index"
    return_data = false
    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "WriteThrottleEvents"
      dimensions  = { TableName = aws_dynamodb_table.table.name, GlobalSecondaryIndexName = "work" }
      period      = 60
      stat        = "Sum"
    }
  }
}

# ── One of each for each function ────────────────────────────────────────────────

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = local.functions
  alarm_name          = "${var.name}-${each.key}-errors"
  alarm_description   = "${each.value} fails. ${var.runbook_url}#errors"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = "${var.name}-${each.key}" }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  for_each            = local.functions
  alarm_name          = "${var.name}-${each.key}-throttles"
  alarm_description   = "Lambda throttles ${each.value}. ${var.runbook_url}#throttles"
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = "${var.name}-${each.key}" }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
}

# In milliseconds: four fifths of the time-out.
resource "aws_cloudwatch_metric_alarm" "duration" {
  for_each            = local.functions
  alarm_name          = "${var.name}-${each.key}-duration"
  alarm_description   = "${each.value} comes close to its time-out. ${var.runbook_url}#duration"
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  dimensions          = { FunctionName = "${var.name}-${each.key}" }
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 24000
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
}

# In seconds. Doubt, the longest ordinary wait, ends after an hour; with the default of
# follow no job is followed for longer than two.
resource "aws_cloudwatch_metric_alarm" "age" {
  for_each            = local.functions
  alarm_name          = "${var.name}-${each.key}-age"
  alarm_description   = "${each.value} waits for long. ${var.runbook_url}#age"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.function[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.key == "jobfollow" ? 10800 : 3600
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
}

resource "aws_cloudwatch_metric_alarm" "dead" {
  for_each            = local.functions
  alarm_name          = "${var.name}-${each.key}-dead"
  alarm_description   = "Messages to ${each.value} were given up. ${var.runbook_url}#dead"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
}

resource "aws_cloudwatch_metric_alarm" "rule" {
  for_each            = local.switches
  alarm_name          = "${var.name}-${each.key}-rule"
  alarm_description   = "Events for ${each.value} did not reach its queue. ${var.runbook_url}#rule"
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
  metric_query {
    id          = "failed"
    expression  = "FILL(rule, 0) + FILL(tagrule, 0)"
    label       = "Failed invocations"
    return_data = true
  }
  metric_query {
    id          = "rule"
    return_data = false
    metric {
      namespace   = "AWS/Events"
      metric_name = "FailedInvocations"
      dimensions  = { EventBusName = aws_cloudwatch_event_bus.bus.name, RuleName = "${var.name}-${each.key}" }
      period      = 60
      stat        = "Sum"
    }
  }
  metric_query {
    id          = "tagrule"
    return_data = false
    metric {
      namespace   = "AWS/Events"
      metric_name = "FailedInvocations"
      dimensions  = { EventBusName = aws_cloudwatch_event_bus.bus.name, RuleName = "${var.name}-${each.key}-tag" }
      period      = 60
      stat        = "Sum"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "jobfollow_rule" {
  alarm_name          = "${var.name}-jobfollow-rule"
  alarm_description   = "Events for jobfollow did not reach its queue. ${var.runbook_url}#rule"
  namespace           = "AWS/Events"
  metric_name         = "FailedInvocations"
  dimensions          = { EventBusName = aws_cloudwatch_event_bus.bus.name, RuleName = "${var.name}-jobfollow" }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarmed
  ok_actions          = local.alarmed
}

# ── To look at ───────────────────────────────────────────────────────────────────

locals {
  # A search takes several names as "a" OR "b"; a partial name would find other stacks' functions too.
  names = join(" OR ", [for name in keys(local.functions) : "\"${var.name}-${name}\""])
  dead  = join(" OR ", concat([for name in keys(local.functions) : "\"${var.name}-${name}-dead\""], ["\"${var.name}-undelivered\""]))

  # Each is title, x, y, width, and what else it has.
  widgets = [
    ["Decisions, by switch and result", 0, 2, 12, { stacked = true, metrics = [[{ expression = "SEARCH('{Interlock,Switch,Result} MetricName=\"Decisions\"', 'Sum', 300)" }]] }],
    ["Put off, by code", 12, 2, 12, { stacked = true, metrics = [[{ expression = "SEARCH('{Interlock,Switch,Code} MetricName=\"Laters\"', 'Sum', 300)" }]] }],
    ["Latency of the cloud, p99 (ms)", 0, 8, 12, { metrics = [[{ expression = "SEARCH('{Interlock,Switch} MetricName=\"CloudLatency\"', 'p99', 300)" }]] }],
    ["Age of decisions when applied, p99 (s)", 12, 8, 12, { metrics = [[{ expression = "SEARCH('{Interlock,Switch} MetricName=\"DecisionAge\"', 'p99', 300)" }]] }],
    ["Errors and throttles", 0, 14, 8, { metrics = [[{ expression = "SEARCH('{AWS/Lambda,FunctionName} MetricName=(\"Errors\" OR \"Throttles\") FunctionName=(${local.names})', 'Sum', 60)" }]] }],
    ["Duration, p99 (ms)", 8, 14, 8, { annotations = { horizontal = [{ label = "time-out", value = 30000 }] }, metrics = [[{ expression = "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"Duration\" FunctionName=(${local.names})', 'p99', 300)" }]] }],
    ["Oldest message (s)", 16, 14, 8, { metrics = [[{ expression = "SEARCH('{AWS/SQS,QueueName} MetricName=\"ApproximateAgeOfOldestMessage\" QueueName=(${local.names})', 'Maximum', 60)" }]] }],
    ["Waiting", 0, 20, 8, { stacked = true, metrics = [[{ expression = "SEARCH('{AWS/SQS,QueueName} MetricName=(\"ApproximateNumberOfMessagesVisible\" OR \"ApproximateNumberOfMessagesNotVisible\") QueueName=(${local.names})', 'Maximum', 60)" }]] }],
    ["Given up or undelivered", 8, 20, 8, { stacked = true, metrics = [[{ expression = "SEARCH('{AWS/SQS,QueueName} MetricName=\"ApproximateNumberOfMessagesVisible\" QueueName=(${local.dead})', 'Maximum', 60)" }]] }],
    ["Ledger: throttled", 16, 20, 8, { metrics = [
      ["AWS/DynamoDB", "ReadThrottleEvents", "TableName", aws_dynamodb_table.table.name, { stat = "Sum" }],
      [".", "WriteThrottleEvents", ".", ".", { stat = "Sum" }],
    ] }],
  ]
}

resource "aws_cloudwatch_dashboard" "dashboard" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    start = "-PT6H"
    widgets = concat(
      [{ type = "text", x = 0, y = 0, width = 24, height = 2, properties = { markdown = "# ${var.name}\n[What the alarms mean, and what to do](${var.runbook_url})" } }],
      [for w in local.widgets : {
        type       = "metric", x = w[1], y = w[2], width = w[3], height = 6
        properties = merge({ title = w[0], region = data.aws_region.current.region, view = "timeSeries" }, w[4])
      }],
    )
  })
}
