variable "region" {
  description = "Huawei Cloud region of the functions, the channel and the databases. EventGrid is not in every one."
  type        = string
}

variable "name" {
  description = "What every name begins with; also that of the event source under which Interlock publishes."
  type        = string
  default     = "interlock"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{0,40}$", var.name))
    error_message = "Small letters, digits, hyphens and underscores."
  }
}

variable "ledger" {
  description = "The PostgreSQL database, as postgres://interlock:PASSWORD@HOST/interlock?sslmode=verify-full."
  type        = string
  sensitive   = true
}

variable "vpc_id" {
  description = "The VPC of the database. By a NAT gateway the functions reach the cloud's APIs from there."
  type        = string
}

variable "network_id" {
  description = "The network ID of the subnet that the functions are in."
  type        = string
}

variable "roles" {
  description = "System policies or custom policies of the functions' agency: to flip and read the switches, to publish to the channel (eg:channels:putEvents), and to be in the VPC."
  type        = list(string)
}

variable "policy" {
  description = "INTERLOCK_POLICY: a policy in Cedar that is packed with the code, as file:production.cedar; null for none."
  type        = string
  default     = null
}

variable "webhook_secrets" {
  description = "INTERLOCK_WEBHOOK_SECRETS: keys of senders that sign, where a gateway leads to a function; null for none."
  type        = string
  default     = null
  sensitive   = true
}

variable "topic_urn" {
  description = "A topic of SMN whose messages are events, for whoever does not publish to the channel; null for none."
  type        = string
  default     = null
}

variable "halt" {
  description = "Nothing is called, everything is put off."
  type        = bool
  default     = false
}

variable "event_grid_agency" {
  description = "The agency by which EventGrid invokes functions, which its console makes when it is first used."
  type        = string
  default     = "EG_TARGET_AGENCY"
}
