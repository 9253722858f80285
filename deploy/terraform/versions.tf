terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.42, < 7" # of functions' permissions it knows invoked_via_function_url
    }
  }
}
