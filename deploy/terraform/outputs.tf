# The outputs of template.yaml: those of functions are maps, by function.

output "bus_name" {
  description = "The event bus that takes approvals, tag changes and requests, and says what came of them."
  value       = aws_cloudwatch_event_bus.bus.name
}

output "bus_arn" {
  description = "What a producer may be allowed to events:PutEvents on."
  value       = aws_cloudwatch_event_bus.bus.arn
}

output "archive_arn" {
  description = "Where events that asked are kept, for replay."
  value       = aws_cloudwatch_event_archive.archive.arn
}

output "table_name" {
  description = "The ledger."
  value       = aws_dynamodb_table.table.name
}

output "undelivered_queue_url" {
  description = "Events that no rule could put into a queue."
  value       = aws_sqs_queue.undelivered.url
}

output "dashboard_url" {
  description = "The dashboard."
  value       = "https://${data.aws_region.current.region}.console.aws.amazon.com/cloudwatch/home#dashboards:name=${aws_cloudwatch_dashboard.dashboard.dashboard_name}"
}

output "function_arns" {
  description = "The functions, to be invoked directly."
  value       = { for name, alias in aws_lambda_alias.live : name => alias.arn }
}

output "urls" {
  description = "Their addresses, by HTTP with AWS_IAM or signed webhooks."
  value       = { for name, url in aws_lambda_function_url.function : name => url.function_url }
}

output "queue_urls" {
  description = "Where messages for them wait."
  value       = { for name, queue in aws_sqs_queue.function : name => queue.url }
}

output "dead_queue_urls" {
  description = "Messages for them that were given up."
  value       = { for name, queue in aws_sqs_queue.dead : name => queue.url }
}
