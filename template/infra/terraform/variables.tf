variable "project" {
  description = "The project's name; names of resources begin with <project>-<stage>."
  type        = string
}

variable "stage" {
  description = "The stage: one of several copies of the app in an account."
  type        = string
  default     = "prod"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,11}$", var.stage))
    error_message = "Take a stage such as “prod”: 1 to 12 lower-case letters and digits, a letter first."
  }
}

variable "aws_region" {
  description = "The AWS region."
  type        = string
}

variable "image" {
  description = "The image by digest: <repository>@sha256:…"
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by digest, as in: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/my-app-prod@sha256:…"
  }
}

variable "architecture" {
  description = "The image's processor: arm64 (20 % cheaper) or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Choose arm64 or x86_64."
  }
}

variable "database_url_secret" {
  description = "The secret with DATABASE_URL: an SSM parameter (SecureString) or the ARN of a Secrets Manager secret; empty for /<project>/<stage>/database-url."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(/.+|arn:[^:]+:secretsmanager:.+)?$", var.database_url_secret))
    error_message = "Name an SSM parameter with its path, as in /my-app/prod/database-url, or the whole ARN of a Secrets Manager secret."
  }
}

variable "web_memory" {
  description = "Memory of the web function in MB; 1,769 MB is one vCPU."
  type        = number
  default     = 1024
}

variable "throttle_rate" {
  description = "Requests a second, on average, that the API accepts; more are refused. `make cost` shows what they can cost."
  type        = number
  default     = 500
}

variable "throttle_burst" {
  description = "Requests that it accepts at once."
  type        = number
  default     = 1000
}

variable "web_reserved_concurrency" {
  description = "Maximum number of web environments, which limits the cost of a spike; -1 for no limit. New accounts refuse a limit: see `make quota`."
  type        = number
  default     = -1
}

variable "jobs_memory" {
  description = "Memory of the jobs function in MB."
  type        = number
  default     = 1024
}

variable "jobs_concurrency" {
  description = "Maximum number of concurrent jobs of a queue, 2 to 1000; `make deploy` lowers it where the account's quota is low."
  type        = number
  default     = 10
}

variable "task_cpu" {
  description = "CPU of a Fargate task; 1024 is one vCPU."
  type        = number
  default     = 512
}

variable "task_memory" {
  description = "Memory of a Fargate task in MB."
  type        = number
  default     = 1024
}

variable "vpc_id" {
  description = "The VPC of tasks; `make deploy` takes the account's default VPC."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "Public subnets of that VPC."
  type        = list(string)
  default     = []
}

variable "kept_queues" {
  description = "Queues that stay though the app no longer declares them, separated by commas; `make deploy` sets it."
  type        = string
  default     = ""
}

variable "permissions_boundary" {
  description = "ARN of a policy that limits all roles, which `make deploy` finds; empty for none."
  type        = string
  default     = ""
}

variable "domain_name" {
  description = "Your own domain, such as wall.example.com, which is the only address then; empty for AWS's address."
  type        = string
  default     = ""
}

variable "certificate_arn" {
  description = "The domain's certificate, in ACM in the same region, or in us-east-1 with a cdn."
  type        = string
  default     = ""
}

variable "cdn" {
  description = "CloudFront in front of the API: off, pay-as-you-go, or its free plan."
  type        = string
  default     = "off"

  validation {
    condition     = contains(["off", "pay-as-you-go", "free"], var.cdn)
    error_message = "Choose off, pay-as-you-go or free for cdn."
  }
}

variable "web_acl" {
  description = "ARN of the CDN's web ACL, which `make deploy` creates for the free plan; empty for none."
  type        = string
  default     = ""
}

variable "cdn_cookies" {
  description = "Cookies that pages in the CDN's cache depend on, besides the session's."
  type        = list(string)
  default     = []
}

variable "alarm_email" {
  description = "Email address for alarms; empty for none."
  type        = string
  default     = ""
}

variable "requests_alarm" {
  description = "Number of requests in five minutes that raises an alarm."
  type        = number
  default     = 10000
}

variable "monthly_budget" {
  description = "USD a month, for the whole account; `make deploy` sets the budget, which warns above it. 0 for none."
  type        = number
  default     = 20
}

variable "dashboard" {
  description = "A CloudWatch dashboard: 3 USD a month; the first three of an account are free."
  type        = bool
  default     = false
}

variable "log_retention" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}
