"""Your own infrastructure. No update changes this file.

Lines with a single # are examples: remove it to use them. More, and how to change the template's own resources:
kit/docs/infrastructure.md
"""

# import aws_cdk as cdk
# from aws_cdk import aws_iam as iam
# from aws_cdk import aws_lambda as lambda_
from system.stack import AppStack


def add(stack: AppStack) -> None:
    """Add resources, permissions and environment variables, and change the template's resources.

    Called when everything of the template's is in the stack. Made for it are:
    stack.settings.name     my-app-prod; begin your names with it
    stack.roles             the roles of the app's code: web, jobs, task
    stack.variables         the environment variables of both functions
    stack.add_environment   adds a variable to both functions and to tasks
    stack.image_code        the image's code with a handler of your own
    stack.web, stack.jobs, stack.tasks, stack.queues, stack.network, stack.cluster
    """
    # stack.add_environment("GREETING", "hello")

    ## Permissions of the app's code, here to send e-mail.
    # identity = stack.format_arn(service="ses", resource="identity", resource_name="example.com")
    # for role in stack.roles:
    #     role.add_to_policy(iam.PolicyStatement(actions=["ses:SendEmail"], resources=[identity]))

    ## A function of your own in the same image, with the jobs function's permissions and logs.
    # lambda_.DockerImageFunction(
    #     stack,
    #     "Thumbnails",
    #     function_name=f"{stack.settings.name}-thumbnails",
    #     code=stack.image_code("app.thumbnails.handler"),
    #     architecture=stack.jobs.function.function.architecture,
    #     memory_size=1024,
    #     timeout=cdk.Duration.seconds(60),
    #     environment=stack.variables,
    #     role=stack.jobs.function.role,
    #     log_group=stack.jobs.function.log_group,
    # )
