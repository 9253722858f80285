# Interlock on Huawei Cloud: each function, the channel that brings it events and takes
# its own, and the timer that takes up what waits. docs/functiongraph.md tells how.

terraform {
  required_version = ">= 1.5"

  required_providers {
    huaweicloud = {
      source  = "huaweicloud/huaweicloud"
      version = "~> 1.80"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
  }
}

provider "huaweicloud" {
  region = var.region
}

locals {
  # What a ticket system or a tag asks for goes to every switch's function, which
  # ignores what is meant for another.
  # BEGIN generated functions
  switches = ["proxyalt", "proxyssl", "accesscontrol", "multitenant", "auditswitch"]
  # END generated functions
  asked = [
    "dev.interlock.ticket.approved.v1",
    "dev.interlock.tag.changed.v1",
    "dev.interlock.switch.requested.v1",
  ]

  settings = {
    INTERLOCK_REGION           = var.region
    INTERLOCK_BUS              = "eventgrid:${huaweicloud_eg_custom_event_channel.changes.id}"
    INTERLOCK_EVENTGRID_SOURCE = huaweicloud_eg_custom_event_source.interlock.name
    INTERLOCK_POLICY           = var.policy
    INTERLOCK_HALT             = tostring(var.halt)
  }
  secrets = {
    INTERLOCK_LEDGER          = var.ledger
    INTERLOCK_WEBHOOK_SECRETS = var.webhook_secrets
  }
}

# make build-functiongraph
data "archive_file" "code" {
  type             = "zip"
  source_dir       = "${path.module}/../../build/functiongraph"
  output_path      = "${path.module}/.terraform/functiongraph.zip"
  output_file_mode = "0755"
}

# Its key comes with each invocation: the functions have no other.
resource "huaweicloud_identity_agency" "functions" {
  name                   = "${var.name}-functions"
  description            = "Interlock flips switches and publishes what became of it"
  delegated_service_name = "op_svc_cff"

  project_role {
    project = var.region
    roles   = var.roles
  }
}

resource "huaweicloud_fgs_function" "function" {
  for_each = toset(concat(local.switches, ["jobfollow"]))

  name             = "${var.name}-${each.key}"
  app              = "default"
  description      = "Interlock"
  agency           = huaweicloud_identity_agency.functions.name
  runtime          = "Custom"
  handler          = "${each.key}.handler"
  code_type        = "zip"
  code_filename    = "functiongraph.zip"
  func_code        = filebase64(data.archive_file.code.output_path)
  memory_size      = 256
  timeout          = 60
  max_instance_num = "10"
  vpc_id           = var.vpc_id
  network_id       = var.network_id

  user_data           = jsonencode({ for name, value in local.settings : name => value if value != null })
  encrypted_user_data = jsonencode({ for name, value in local.secrets : name => value if value != null })
}

resource "huaweicloud_eg_custom_event_channel" "changes" {
  name = var.name
}

# Ticket systems publish under this one,
resource "huaweicloud_eg_custom_event_source" "tickets" {
  channel_id = huaweicloud_eg_custom_event_channel.changes.id
  name       = "${var.name}-tickets"
}

# and Interlock under this one.
resource "huaweicloud_eg_custom_event_source" "interlock" {
  channel_id = huaweicloud_eg_custom_event_channel.changes.id
  name       = var.name
}

locals {
  # Each subscription: the function, the source, and the types that it is for. The
  # next step of a chain is asked for by Interlock itself.
  subscriptions = merge(
    { for f in local.switches : "${f}-tickets" => {
      function = f, source = huaweicloud_eg_custom_event_source.tickets.name, types = local.asked
    } },
    { for f in local.switches : "${f}-chains" => {
      function = f, source = huaweicloud_eg_custom_event_source.interlock.name, types = ["dev.interlock.switch.requested.v1"]
    } },
    { jobfollow = {
      function = "jobfollow", source = huaweicloud_eg_custom_event_source.interlock.name, types = ["dev.interlock.switch.completed.v1"]
    } },
  )
}

# Invoked synchronously, a function's error is EventGrid's to send again.
resource "huaweicloud_eg_event_subscription" "subscription" {
  for_each = local.subscriptions

  channel_id = huaweicloud_eg_custom_event_channel.changes.id
  name       = "${var.name}-${each.key}"

  sources {
    id            = uuidv5("url", "interlock/${var.name}/${each.key}/source")
    provider_type = "CUSTOM"
    name          = each.value.source
    filter_rule = jsonencode({
      source = [{ op = "StringIn", values = [each.value.source] }]
      type   = [{ op = "StringIn", values = each.value.types }]
    })
  }

  targets {
    id            = uuidv5("url", "interlock/${var.name}/${each.key}/target")
    provider_type = "OFFICIAL"
    name          = "HC.FunctionGraph"
    detail_name   = "detail"
    detail = jsonencode({
      urn         = huaweicloud_fgs_function.function[each.value.function].urn
      invoke_type = "SYNC"
      agency_name = var.event_grid_agency
    })
    transform = jsonencode({ type = "ORIGINAL", value = "" })
  }
}

resource "huaweicloud_fgs_function_trigger" "topic" {
  for_each = toset(var.topic_urn == null ? [] : local.switches)

  function_urn = huaweicloud_fgs_function.function[each.key].urn
  type         = "SMN"
  event_data   = jsonencode({ topic_urn = var.topic_urn })
}

# Takes up what nobody delivers again: decisions whose lease ran out, that are due, or
# whose event was not published.
resource "huaweicloud_fgs_function_trigger" "sweep" {
  function_urn = huaweicloud_fgs_function.function["jobfollow"].urn
  type         = "TIMER"
  status       = var.halt ? "DISABLED" : "ACTIVE"
  event_data = jsonencode({
    name          = "${var.name}_sweep"
    schedule_type = "Rate"
    schedule      = "1m"
    user_event    = "sweep"
  })
}

# What is invoked asynchronously (the timer, SMN) comes back while it fails.
resource "huaweicloud_fgs_async_invoke_configuration" "retries" {
  for_each = huaweicloud_fgs_function.function

  function_urn                   = each.value.urn
  max_async_event_age_in_seconds = 86400
  max_async_retry_attempts       = 8
}

output "channel_id" {
  description = "Where events go, published under the source that tickets_source names"
  value       = huaweicloud_eg_custom_event_channel.changes.id
}

output "tickets_source" {
  description = "The name of the event source that ticket systems publish under"
  value       = huaweicloud_eg_custom_event_source.tickets.name
}

output "functions" {
  description = "The functions' URNs, for triggers of your own"
  value       = { for name, f in huaweicloud_fgs_function.function : name => f.urn }
}
