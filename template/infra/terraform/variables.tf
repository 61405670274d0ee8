variable "project" {
  description = "The project's name; everything is called <project>-<stage>."
  type        = string
}

variable "stage" {
  description = "Which of several copies this is, side by side in one account."
  type        = string
  default     = "prod"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,11}$", var.stage))
    error_message = "Take a stage such as “prod”: 1 to 12 lower-case letters and digits, a letter first."
  }
}

variable "aws_region" {
  description = "The region it runs in."
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
  description = "The processor that the image is built for: arm64 (a fifth cheaper) or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Choose arm64 or x86_64."
  }
}

variable "database_url_secret" {
  description = "What keeps DATABASE_URL: an SSM parameter (SecureString), or the ARN of a Secrets Manager secret; empty for /<project>/<stage>/database-url."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(/.+|arn:[^:]+:secretsmanager:.+)?$", var.database_url_secret))
    error_message = "Name an SSM parameter with its path, as in /my-app/prod/database-url, or the whole ARN of a Secrets Manager secret."
  }
}

variable "web_memory" {
  description = "MB for each web environment; 1,769 MB is one processor."
  type        = number
  default     = 1024
}

variable "web_reserved_concurrency" {
  description = "The brake on what a spike can cost: at most so many web environments; -1 for none."
  type        = number
  default     = -1
}

variable "jobs_memory" {
  description = "MB for each jobs environment."
  type        = number
  default     = 1024
}

variable "jobs_concurrency" {
  description = "At most so many jobs of a queue at once, 2 to 1000."
  type        = number
  default     = 10
}

variable "task_cpu" {
  description = "Of each Fargate task, in 1/1024 of a processor."
  type        = number
  default     = 512
}

variable "task_memory" {
  description = "MB for each Fargate task."
  type        = number
  default     = 1024
}

variable "vpc_id" {
  description = "An existing VPC for the tasks; empty to make one."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "Public subnets of that VPC."
  type        = list(string)
  default     = []
}

variable "domain_name" {
  description = "A domain of yours, such as wall.example.com, the only address then; empty for the address that AWS gives."
  type        = string
  default     = ""
}

variable "certificate_arn" {
  description = "The domain's certificate, in ACM in the same region."
  type        = string
  default     = ""
}

variable "alarm_email" {
  description = "Who is told of alarms; empty for no one."
  type        = string
  default     = ""
}

variable "requests_alarm" {
  description = "Requests in five minutes from which an alarm is sent."
  type        = number
  default     = 10000
}

variable "monthly_budget" {
  description = "USD a month, of the whole account, above which an alarm is sent; 0 for none."
  type        = number
  default     = 20
}

variable "dashboard" {
  description = "A CloudWatch dashboard: 3 USD a month beyond the three that an account has free."
  type        = bool
  default     = false
}

variable "log_retention" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30
}
