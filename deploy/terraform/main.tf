# Interlock on AWS, as template.yaml has it: what all functions share. What each of them
# has is in functions.tf, what watches them in alarms.tf.

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  tags = { application = "interlock", stage = var.stage }
  arns = "arn:${data.aws_partition.current.partition}"
  here = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"
}

resource "aws_cloudwatch_event_bus" "bus" {
  name        = var.name
  description = "Interlock's events, in and out."
  tags        = local.tags
}

# What asked, the steps of chains with it, never what was answered: a replay asks again,
# and the table knows the answers.
resource "aws_cloudwatch_event_archive" "archive" {
  name             = "${var.name}-archive"
  description      = "Events that asked for a switch, for replay."
  event_source_arn = aws_cloudwatch_event_bus.bus.arn
  retention_days   = var.retention_days
  event_pattern = jsonencode({
    detail = {
      type = ["dev.interlock.ticket.approved.v1", "dev.interlock.tag.changed.v1", "dev.interlock.switch.requested.v1"]
    }
  })
}

# Events that a rule could not put into its queue.
resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.name}-undelivered"
  message_retention_seconds = 1209600 # 14 days, the most there is
  sqs_managed_sse_enabled   = true
  tags                      = local.tags
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.undelivered.arn
      # Any rule on this bus: one list less to keep.
      Condition = { ArnLike = { "aws:SourceArn" = "${local.arns}:events:${local.here}:rule/${aws_cloudwatch_event_bus.bus.name}/*" } }
    }]
  })
}

# The ledger. Its items: decisions d#…, instances i#…, jobs j#…; the index `work` holds
# only decisions that ask for work, in eight shards.
resource "aws_dynamodb_table" "table" {
  name                        = "${var.name}-ledger"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  deletion_protection_enabled = var.stage == "production"
  tags                        = local.tags

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "wq"
    type = "N"
  }
  attribute {
    name = "due"
    type = "N"
  }
  global_secondary_index {
    name            = "work"
    hash_key        = "wq"
    range_key       = "due"
    projection_type = "KEYS_ONLY"
  }
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled = true
  }
  # It holds what must not be done twice. To leave it behind, take it out of the state.
  lifecycle {
    prevent_destroy = true
  }
}

# What every function may do, for any of them may have to finish another's decision. A
# transaction needs the rights of the writes it is made of.
resource "aws_iam_policy" "shared" {
  name        = "${var.name}-shared"
  description = "The ledger, the bus, the one secret and the policy of an Interlock stack."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "Ledger"
          Effect    = "Allow"
          Action    = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
          Resource  = aws_dynamodb_table.table.arn
          Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["d#*", "i#*", "j#*", "t#*"] } }
        },
        # In one statement: a transaction's puts may be judged together.
        {
          Sid       = "Puts"
          Effect    = "Allow"
          Action    = "dynamodb:PutItem"
          Resource  = aws_dynamodb_table.table.arn
          Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["d#*", "i#*", "j#*", "t#*", "a#*", "n#*"] } }
        },
        {
          Sid      = "Work"
          Effect   = "Allow"
          Action   = "dynamodb:Query"
          Resource = "${aws_dynamodb_table.table.arn}/index/work"
        },
        {
          Sid       = "Events"
          Effect    = "Allow"
          Action    = "events:PutEvents"
          Resource  = aws_cloudwatch_event_bus.bus.arn
          Condition = { StringEquals = { "events:source" = "interlock" } }
        },
        {
          Sid      = "Credentials"
          Effect   = "Allow"
          Action   = "secretsmanager:GetSecretValue"
          Resource = var.secret_arn
        },
      ],
      [for key in [var.secret_key_arn] : {
        Sid       = "CredentialsKey"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = key
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${data.aws_region.current.region}.${data.aws_partition.current.dns_suffix}" } }
      } if key != ""],
      [for sid, parameter in { Policy = var.policy, PolicyEntities = var.policy_entities } : {
        Sid                           = sid
        Effect                        = "Allow"
        Action                        = "ssm:GetParameter"
        Resource                      = "${local.arns}:ssm:${local.here}:parameter${trimprefix(parameter, "ssm:")}"
      } if startswith(parameter, "ssm:")],
      [for key in [var.policy_key_arn] : {
        Sid       = "PolicyKey"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = key
        Condition = { StringEquals = { "kms:ViaService" = "ssm.${data.aws_region.current.region}.${data.aws_partition.current.dns_suffix}" } }
      } if key != ""],
      [{
        Sid      = "Traces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = "*" # X-Ray knows no resources here
      }],
    )
  })
}
