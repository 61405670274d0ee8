output "address" {
  description = "The app's URL."
  value       = local.address
}

output "domain_target" {
  description = "Target of the domain's DNS record, a CNAME or an alias."
  value       = var.domain_name == "" ? "" : local.has_cdn ? aws_cloudfront_distribution.this[0].domain_name : aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].target_domain_name
}

output "repository" {
  description = "URI of the image repository."
  value       = aws_ecr_repository.this.repository_url
}

output "web_function" {
  description = "The web function."
  value       = aws_lambda_function.web.function_name
}

output "jobs_function" {
  description = "The jobs function."
  value       = aws_lambda_function.jobs.function_name
}

output "cluster" {
  description = "The ECS cluster of tasks."
  value       = aws_ecs_cluster.this.name
}

output "task_definition" {
  description = "The task definition's family."
  value       = aws_ecs_task_definition.this.family
}

output "subnets" {
  description = "The subnets of tasks, separated by commas."
  value       = join(",", var.subnet_ids)
}

output "security_group" {
  description = "The security group of tasks."
  value       = aws_security_group.tasks.id
}
