"""Operations on deployed stages, for laptops and pipelines; they need boto3, which the image does not have.

Commands of `python -m kit`:

deploy        deploy the project's current state to a stage
rollback      switch a stage back to the previous version
destroy       delete a stage
secret        store a secret for a stage
preview       a stage for a pull request, with a database branch of its own
status        read-only status of a deployed stage
brake         whether a stage refuses all requests
quota         Lambda's quota, and a request for more
logs          a stage's logs
cost          estimate of the costs
spike         forecast of a spike
policy        IAM policies, filled in
exec          one-off work in a task, as ./exec

What they share:

aws_account     the AWS account, region and identity
stage           the names of a stage and of its resources
iac             the infrastructure tool, behind Make targets
cloudformation  stacks around a deployment, for infra/*/infra.mk
image           the container image, built and pushed
releases        which versions are live, and which were before
deployed        what is deployed of a stage
deployed_by     which infrastructure tool deployed it
boundary        the permissions boundary of a stage's roles
tool_state      where the infrastructure tool keeps its state, for its policy
inventory       the billable resources of a deployed stage
cost_model      a model of what a stage uses
throttle        how many requests a stage's API accepts
traffic_logs    what a stage's logs say of its traffic
lambda_quota    how many environments Lambda may run at once
health_check    health checks before and after traffic is shifted
ecs_task        a task on Fargate
oneoff_task     a task for the duration of a block
task_logs       the output of a task
log_tail        the log groups of a stage
retry           retry policy for AWS calls
confirm         confirmation prompts
progress        progress of long-running steps
"""
