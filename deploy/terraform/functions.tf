# What each function has: its queue with its dead-letter queue, its rules, its role, its
# log, and its address. All are one artefact, which their handler tells apart.

locals {
  # BEGIN generated functions
  switches = { proxyalt = "proxy-alt", proxyssl = "proxy-ssl", accesscontrol = "access-control", multitenant = "multi-tenancy", auditswitch = "database-audit" }
  # END generated functions
  functions = merge(local.switches, { jobfollow = "jobfollow" })

  environment = { for name, value in {
    # With less than a core, which there is at 1,769 MB, more than one thread of Go code
    # only wakes the others to take turns; garbage is collected at 16 MB instead of 4.
    GOMAXPROCS                 = "1"
    GOGC                       = "400"
    INTERLOCK_REGION           = var.region
    INTERLOCK_SECRET_ID        = var.secret_arn
    INTERLOCK_LANGUAGE         = var.language
    INTERLOCK_GAUSSDB_ENDPOINT = var.gaussdb_endpoint
    INTERLOCK_DBSS_ENDPOINT    = var.dbss_endpoint
    INTERLOCK_IAM_ENDPOINT     = var.iam_endpoint
    INTERLOCK_LEDGER           = "dynamodb:${aws_dynamodb_table.table.name}"
    INTERLOCK_BUS              = "eventbridge:${aws_cloudwatch_event_bus.bus.name}"
    INTERLOCK_QUIET            = var.quiet
    INTERLOCK_RETENTION        = "${24 * var.retention_days}h"
    INTERLOCK_GIVE_UP          = var.give_up
    INTERLOCK_FOLLOW           = var.follow
    INTERLOCK_DRYRUN           = tostring(var.dry_run)
    INTERLOCK_POLICY           = var.policy
    INTERLOCK_POLICY_ENTITIES  = var.policy_entities
    INTERLOCK_TIMEZONE         = var.timezone
    INTERLOCK_TICKETS          = var.tickets
    INTERLOCK_TICKET_SYSTEM    = var.ticket_system
    INTERLOCK_TICKET_FIELDS    = var.ticket_fields
    INTERLOCK_JIRA_FIELDS      = var.jira_fields
    INTERLOCK_WEBHOOK_SECRETS  = var.signed_webhooks ? "secret:" : ""
  } : name => value if value != "" }
}

resource "aws_lambda_function" "function" {
  for_each         = local.functions
  function_name    = "${var.name}-${each.key}"
  description      = "Interlock"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  handler          = each.key
  role             = aws_iam_role.function[each.key].arn
  memory_size      = 256
  timeout          = 30
  publish          = true
  # A stop that no published version can miss: it belongs to the function. -1 reserves nothing.
  reserved_concurrent_executions = var.halt ? 0 : var.reserved_concurrency == 0 ? -1 : var.reserved_concurrency
  tags                           = local.tags

  environment {
    variables = merge(local.environment, { INTERLOCK_QUEUE_URL = aws_sqs_queue.function[each.key].url })
  }
  logging_config {
    log_format            = "JSON"
    application_log_level = var.log_level
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.function[each.key].name
  }
  tracing_config {
    mode = "Active"
  }
}

resource "aws_lambda_alias" "live" {
  for_each         = local.functions
  name             = "live"
  function_name    = aws_lambda_function.function[each.key].function_name
  function_version = aws_lambda_function.function[each.key].version
}

resource "aws_lambda_event_source_mapping" "queue" {
  for_each                = local.functions
  event_source_arn        = aws_sqs_queue.function[each.key].arn
  function_name           = aws_lambda_alias.live[each.key].arn
  enabled                 = !var.halt
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
  depends_on = [aws_iam_role_policy.function, aws_iam_role_policy_attachment.shared]
}

resource "aws_iam_role" "function" {
  for_each = local.functions
  name     = "${var.name}-${each.key}"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
  tags = local.tags
}

resource "aws_iam_role_policy_attachment" "shared" {
  for_each   = local.functions
  role       = aws_iam_role.function[each.key].name
  policy_arn = aws_iam_policy.shared.arn
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions
  name     = "own"
  role     = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility", "sqs:SendMessage"]
        Resource = aws_sqs_queue.function[each.key].arn
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.function[each.key].arn}:*" # the provider's ARN ends before it
      },
    ]
  })
}

resource "aws_cloudwatch_log_group" "function" {
  for_each          = local.functions
  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
  tags              = local.tags
}

# All functions count on one metric, of the stack: whoever tries one switch tries another.
resource "aws_cloudwatch_log_metric_filter" "denials" {
  for_each       = local.switches
  name           = "${var.name}-${each.key}-denials"
  log_group_name = aws_cloudwatch_log_group.function[each.key].name
  pattern        = "{ $.step = \"policy\" && $.result = \"denied\" }"
  metric_transformation {
    namespace = "Interlock"
    name      = "${var.name}-denials"
    value     = "1"
  }
}

# ── Its address ──────────────────────────────────────────────────────────────────

resource "aws_lambda_function_url" "function" {
  for_each           = local.functions
  function_name      = aws_lambda_function.function[each.key].function_name
  qualifier          = aws_lambda_alias.live[each.key].name
  authorization_type = var.signed_webhooks ? "NONE" : "AWS_IAM"
}

# Both are needed to call a function URL. One that takes signed messages is open to all,
# and asks each for a signature itself.
resource "aws_lambda_permission" "url" {
  for_each               = { for name, switch in local.functions : name => switch if var.caller_arn != "" }
  statement_id           = "CallerUrl"
  function_name          = aws_lambda_function.function[each.key].function_name
  qualifier              = aws_lambda_alias.live[each.key].name
  action                 = "lambda:InvokeFunctionUrl"
  function_url_auth_type = "AWS_IAM"
  principal              = var.caller_arn
}

resource "aws_lambda_permission" "invoke" {
  for_each                 = { for name, switch in local.functions : name => switch if var.caller_arn != "" }
  statement_id             = "CallerInvoke"
  function_name            = aws_lambda_function.function[each.key].function_name
  qualifier                = aws_lambda_alias.live[each.key].name
  action                   = "lambda:InvokeFunction"
  invoked_via_function_url = true
  principal                = var.caller_arn
}

resource "aws_lambda_permission" "signed_url" {
  for_each               = { for name, switch in local.functions : name => switch if var.signed_webhooks }
  statement_id           = "SignedUrl"
  function_name          = aws_lambda_function.function[each.key].function_name
  qualifier              = aws_lambda_alias.live[each.key].name
  action                 = "lambda:InvokeFunctionUrl"
  function_url_auth_type = "NONE"
  principal              = "*"
}

resource "aws_lambda_permission" "signed_invoke" {
  for_each                 = { for name, switch in local.functions : name => switch if var.signed_webhooks }
  statement_id             = "SignedInvoke"
  function_name            = aws_lambda_function.function[each.key].function_name
  qualifier                = aws_lambda_alias.live[each.key].name
  action                   = "lambda:InvokeFunction"
  invoked_via_function_url = true
  principal                = "*"
}

# ── Its queue ────────────────────────────────────────────────────────────────────

resource "aws_sqs_queue" "function" {
  for_each                   = local.functions
  name                       = "${var.name}-${each.key}"
  visibility_timeout_seconds = 180     # six time-outs of the function
  message_retention_seconds  = 1209600 # 14 days, the most there is: longer than any halt should last
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = 1000 # a backstop: waiting costs receives too, and decisions are given up by age
  })
  tags = local.tags
}

resource "aws_sqs_queue" "dead" {
  for_each                  = local.functions
  name                      = "${var.name}-${each.key}-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = local.tags
}

resource "aws_sqs_queue_policy" "function" {
  for_each  = local.functions
  queue_url = aws_sqs_queue.function[each.key].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.function[each.key].arn
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = [
            for rules in [aws_cloudwatch_event_rule.switch, aws_cloudwatch_event_rule.tag, { jobfollow = aws_cloudwatch_event_rule.jobfollow }] :
            rules[each.key].arn if contains(keys(rules), each.key)
          ]
        }
      }
    }]
  })
}

# ── What comes into it ───────────────────────────────────────────────────────────

resource "aws_cloudwatch_event_rule" "switch" {
  for_each       = local.switches
  name           = "${var.name}-${each.key}"
  description    = "Tickets and requests for ${each.value}."
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  event_pattern = jsonencode({
    detail = {
      type = ["dev.interlock.ticket.approved.v1", "dev.interlock.switch.requested.v1"]
      data = { switch = [each.value] }
    }
  })
}

resource "aws_cloudwatch_event_target" "switch" {
  for_each       = local.switches
  rule           = aws_cloudwatch_event_rule.switch[each.key].name
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  target_id      = "queue"
  arn            = aws_sqs_queue.function[each.key].arn
  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

resource "aws_cloudwatch_event_rule" "tag" {
  for_each       = local.switches
  name           = "${var.name}-${each.key}-tag"
  description    = "Changes of the tag interlock:${each.value}."
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  event_pattern = jsonencode({
    detail = {
      type = ["dev.interlock.tag.changed.v1"]
      data = { changes = { key = ["interlock:${each.value}"] } }
    }
  })
}

resource "aws_cloudwatch_event_target" "tag" {
  for_each       = local.switches
  rule           = aws_cloudwatch_event_rule.tag[each.key].name
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  target_id      = "queue"
  arn            = aws_sqs_queue.function[each.key].arn
  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

resource "aws_cloudwatch_event_rule" "jobfollow" {
  name           = "${var.name}-jobfollow"
  description    = "Completion events whose job is to be followed to its end."
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  # What the stack's own functions publish, and nobody else's.
  event_pattern = jsonencode({
    source  = ["interlock"]
    account = [data.aws_caller_identity.current.account_id]
    detail = {
      type = ["dev.interlock.switch.completed.v1"]
      data = { result = ["accepted"] }
    }
  })
}

resource "aws_cloudwatch_event_target" "jobfollow" {
  rule           = aws_cloudwatch_event_rule.jobfollow.name
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  target_id      = "queue"
  arn            = aws_sqs_queue.function["jobfollow"].arn
  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

# Takes up what nobody delivers again: decisions whose lease ran out, that are due, or
# whose event was not published.
resource "aws_cloudwatch_event_rule" "sweep" {
  name                = "${var.name}-sweep"
  description         = "Has jobfollow take up what is due."
  schedule_expression = "rate(1 minute)"
  state               = var.halt ? "DISABLED" : "ENABLED"
}

resource "aws_cloudwatch_event_target" "sweep" {
  rule      = aws_cloudwatch_event_rule.sweep.name
  target_id = "jobfollow"
  arn       = aws_lambda_alias.live["jobfollow"].arn
  input     = jsonencode({ interlock = "sweep" })
  retry_policy {
    maximum_retry_attempts       = 0
    maximum_event_age_in_seconds = 60
  }
}

resource "aws_lambda_permission" "sweep" {
  statement_id  = "Sweep"
  function_name = aws_lambda_function.function["jobfollow"].function_name
  qualifier     = aws_lambda_alias.live["jobfollow"].name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.sweep.arn
}
