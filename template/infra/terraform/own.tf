## Your own infrastructure. No update changes this file. Lines with a single # are examples: remove it to use them.
## Every resource and local of the other files can be used here. Made for it are:
##   local.name                  my-app-prod; begin your names with it, because infra/policies/own.json allows those
##   local.roles                 the names of the roles of the app's code: web, jobs, task
##   local.function_environment  the environment variables of both functions
##   local.address               the app's URL
##   local.account, local.arn    the account's number; what ARNs begin with: arn:aws
##   var.stage, var.aws_region, var.image, var.architecture
## More, and how to change the template's own resources: kit/docs/infrastructure.md

locals {
  ## Environment variables for both functions and for tasks; they replace the template's of the same name.
  own_environment = {
    # GREETING = "hello"
  }
}

## Permissions of the app's code, here to send e-mail.
# data "aws_iam_policy_document" "own" {
#   statement {
#     actions   = ["ses:SendEmail"]
#     resources = ["${local.arn}:ses:${var.aws_region}:${local.account}:identity/example.com"]
#   }
# }

# resource "aws_iam_role_policy" "own" {
#   for_each = local.roles
#   name     = "own"
#   role     = each.value
#   policy   = data.aws_iam_policy_document.own.json
# }

## A function of your own in the same image, with the jobs function's permissions and logs.
# resource "aws_lambda_function" "thumbnails" {
#   function_name = "${local.name}-thumbnails"
#   role          = aws_iam_role.jobs.arn
#   package_type  = "Image"
#   image_uri     = var.image
#   architectures = [var.architecture]
#   memory_size   = 1024
#   timeout       = 60
#   image_config { command = ["app.thumbnails.handler"] }
#   environment { variables = local.function_environment }
#   logging_config {
#     log_format = "Text"
#     log_group  = aws_cloudwatch_log_group.jobs.name
#   }
# }
