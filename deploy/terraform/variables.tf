# What a deployment chooses: the parameters of template.yaml by their names there, and
# what CloudFormation knows by itself. A test holds them against each other.

variable "name" {
  type        = string
  description = "What everything is called, or begins with; the bus has just this name. With the template it is the stack's."
  default     = "interlock"
  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9-]{0,39}$", var.name))
    error_message = "Expected letters, digits and hyphens, 40 at most, a letter first."
  }
}

variable "package" {
  type        = string
  description = "Path of the functions' package for arm64, interlock-lambda_…_linux_arm64.zip of a release; a policy is added to it with `zip -j`."
}

variable "region" {
  type        = string
  description = "Huawei Cloud region whose databases are switched; picks the endpoints."
  validation {
    condition     = can(regex("^[a-z]{2,3}(-[a-z0-9]+)+-[0-9]+$", var.region))
    error_message = "Expected a region's id, such as eu-west-101 or cn-north-4."
  }
}

variable "secret_arn" {
  type        = string
  description = "ARN of the Secrets Manager secret that holds the cloud's credentials, a JSON object such as {\"HUAWEICLOUD_SDK_AK\":\"…\",\"HUAWEICLOUD_SDK_SK\":\"…\"}; for several accounts each project's id is a member that holds such an object. With ticket_system it also has INTERLOCK_TICKET_TOKEN, or INTERLOCK_TICKET_USER and INTERLOCK_TICKET_PASSWORD; with signed_webhooks INTERLOCK_WEBHOOK_SECRETS. It is read when it is needed, and stands in no environment."
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$", var.secret_arn))
    error_message = "Expected the full ARN of a secret, with the six characters that end it."
  }
}

variable "secret_key_arn" {
  type        = string
  description = "ARN of the KMS key that encrypts the secret; empty where it is AWS's own."
  default     = ""
  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.secret_key_arn))
    error_message = "Expected the ARN of a key (not of an alias), or nothing."
  }
}

variable "language" {
  type        = string
  description = "Language of the cloud's error messages."
  default     = "en-us"
  validation {
    condition     = contains(["en-us", "zh-cn"], var.language)
    error_message = "Expected en-us or zh-cn."
  }
}

variable "gaussdb_endpoint" {
  type        = string
  description = "Base URL of TaurusDB's API, where it is not the region's own."
  default     = ""
  validation {
    condition     = can(regex("^$|^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?$", var.gaussdb_endpoint))
    error_message = "Expected an https URL, or nothing."
  }
}

variable "dbss_endpoint" {
  type        = string
  description = "Base URL of the API of DBSS (database audit), where it is not the region's own."
  default     = ""
  validation {
    condition     = can(regex("^$|^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?$", var.dbss_endpoint))
    error_message = "Expected an https URL, or nothing."
  }
}

variable "iam_endpoint" {
  type        = string
  description = "Base URL of the API of IAM, where it is not the region's own."
  default     = ""
  validation {
    condition     = can(regex("^$|^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?$", var.iam_endpoint))
    error_message = "Expected an https URL, or nothing."
  }
}

variable "stage" {
  type        = string
  description = "In production the table cannot be deleted."
  default     = "staging"
  validation {
    condition     = contains(["staging", "production"], var.stage)
    error_message = "Expected staging or production."
  }
}

variable "halt" {
  type        = bool
  description = "true stops every function within seconds, whatever version of it is live: queues keep what comes, function URLs answer 429. false lets them go on where they stopped."
  default     = false
}

variable "dry_run" {
  type        = bool
  description = "true calls nothing that changes anything in the cloud and says what would have been called."
  default     = false
}

variable "quiet" {
  type        = string
  description = "Quiet time. How long after an attempt nothing is concluded from a job's absence."
  default     = "60s"
  validation {
    condition     = can(regex("^[1-9][0-9]*[sm]$", var.quiet))
    error_message = "Expected seconds or minutes, such as 60s."
  }
}

variable "give_up" {
  type        = string
  description = "How long a decision is pursued before it ends as failed."
  default     = "24h"
  validation {
    condition     = can(regex("^[1-9][0-9]*[mh]$", var.give_up))
    error_message = "Expected minutes or hours, such as 24h."
  }
}

variable "follow" {
  type        = string
  description = "How long a job of the cloud is followed before it counts as failed. At most 12h: a job is looked at once a minute, each time costs its message a receive, and after 1000 of them the message is dead."
  default     = "2h"
  validation {
    condition     = can(regex("^([1-9][0-9]?|[1-6][0-9][0-9]|7[01][0-9]|720)m$|^([1-9]|1[0-2])h$", var.follow))
    error_message = "Expected minutes or hours, at most 12h, such as 2h."
  }
}

variable "retention_days" {
  type        = number
  description = "How many days outcomes are remembered, and events archived for replay."
  default     = 90
  validation {
    condition     = contains([30, 90, 180, 365], var.retention_days)
    error_message = "Expected 30, 90, 180 or 365."
  }
}

variable "policy" {
  type        = string
  description = "Who may flip what, when: a policy in Cedar, as file:NAME, which lies beside the program in the package, or as ssm:/NAME, a parameter of Systems Manager. Empty leaves it to the rules that `interlock policy show` prints."
  default     = ""
  validation {
    condition     = can(regex("^$|^file:[A-Za-z0-9._-]+$|^ssm:(/[A-Za-z0-9._-]+)+$", var.policy))
    error_message = "Expected file:NAME, ssm:/NAME with a slash at its beginning, or nothing."
  }
}

variable "policy_entities" {
  type        = string
  description = "The policy's groups and tags, as file:NAME, packed as it is, or ssm:/NAME; empty where it has none."
  default     = ""
  validation {
    condition     = can(regex("^$|^file:[A-Za-z0-9._-]+$|^ssm:(/[A-Za-z0-9._-]+)+$", var.policy_entities))
    error_message = "Expected file:NAME, ssm:/NAME with a slash at its beginning, or nothing."
  }
}

variable "policy_key_arn" {
  type        = string
  description = "ARN of the KMS key that encrypts the parameters of policy and policy_entities; empty where it is AWS's own."
  default     = ""
  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.policy_key_arn))
    error_message = "Expected the ARN of a key (not of an alias), or nothing."
  }
}

variable "timezone" {
  type        = string
  description = "Where the policy's hours and days are."
  default     = "UTC"
  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", var.timezone))
    error_message = "Expected a time zone's name, such as Europe/Berlin."
  }
}

variable "tickets" {
  type        = string
  description = "once has a ticket be spent on a switch and target once; reusable more than once, for standing changes."
  default     = "once"
  validation {
    condition     = contains(["once", "reusable"], var.tickets)
    error_message = "Expected once or reusable."
  }
}

variable "ticket_system" {
  type        = string
  description = "Where each ticket is read before its first call; empty asks nobody. Who reads it is in the secret: INTERLOCK_TICKET_TOKEN, or INTERLOCK_TICKET_USER and INTERLOCK_TICKET_PASSWORD."
  default     = ""
  validation {
    condition     = can(regex("^$|^(servicenow|jira):https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?$", var.ticket_system))
    error_message = "Expected servicenow:https://HOST, jira:https://HOST, or nothing."
  }
}

variable "ticket_fields" {
  type        = string
  description = "What ticket_system calls its states and fields, where not as usual. Jira needs digest=, or digest=customfield_…."
  default     = ""
  validation {
    condition     = can(regex("^$|^[a-z_]+=[^=,]*(,[a-z_]+=[^=,]*)*$", var.ticket_fields))
    error_message = "Expected name=value with commas between, or nothing."
  }
}

variable "jira_fields" {
  type        = string
  description = "The only fields of an issue that count in what Jira sends. With nothing, no issue does."
  default     = ""
  validation {
    condition     = can(regex("^$|^words=customfield_[0-9]+,approvals=customfield_[0-9]+$", var.jira_fields))
    error_message = "Expected words=customfield_…,approvals=customfield_…, or nothing."
  }
}

variable "signed_webhooks" {
  type        = bool
  description = "true opens the function URLs to who signs with one of the keys in the secret, INTERLOCK_WEBHOOK_SECRETS, and to nobody else: callers that sign as AWS has it are refused, too."
  default     = false
}

variable "maximum_concurrency" {
  type        = number
  description = "How many invocations of each function its queue may keep busy. Together they stay under the cloud's rate limit."
  default     = 2
  validation {
    condition     = floor(var.maximum_concurrency) == var.maximum_concurrency && var.maximum_concurrency >= 2 && var.maximum_concurrency <= 100
    error_message = "Expected a number from 2 to 100."
  }
}

variable "reserved_concurrency" {
  type        = number
  description = "Invocations of each function altogether, its URL's too, taken from the account's pool; 0 reserves nothing."
  default     = 0
  validation {
    condition     = floor(var.reserved_concurrency) == var.reserved_concurrency && var.reserved_concurrency >= 0 && var.reserved_concurrency <= 100
    error_message = "Expected 0, or a number above maximum_concurrency."
  }
}

variable "log_level" {
  type        = string
  description = "The least that is logged. Metrics are log lines too and would be lost above INFO."
  default     = "INFO"
  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "Expected DEBUG or INFO."
  }
}

variable "log_retention_days" {
  type        = number
  description = "How many days logs are kept."
  default     = 90
  validation {
    condition     = contains([7, 30, 90, 180, 365, 731], var.log_retention_days)
    error_message = "Expected 7, 30, 90, 180, 365 or 731."
  }
}

variable "alarm_topic_arn" {
  type        = string
  description = "ARN of the SNS topic that alarms go to; empty leaves them in CloudWatch."
  default     = ""
  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "Expected the ARN of a topic, or nothing."
  }
}

variable "caller_arn" {
  type        = string
  description = "ARN of the role, user or account (…:root) of another account that may call the function URLs. Callers of this account need it in their own policies only. Empty allows nobody."
  default     = ""
  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[A-Za-z0-9/_+=,.@-]+)$", var.caller_arn))
    error_message = "Expected the ARN of a role, a user or an account's root, or nothing."
  }
}

variable "runbook_url" {
  type        = string
  description = "Where alarms find what to do."
  default     = "https://github.com/interlock-functions/interlock/blob/main/docs/operations.md"
  validation {
    condition     = can(regex("^https://[^#\\s]+$", var.runbook_url))
    error_message = "Expected an https URL without a fragment."
  }
}
