"""What is done to a stage that runs in AWS, from a laptop or a pipeline: `python -m infra.ops COMMAND`.

session     whose AWS account this is, checked before anything is asked of it
stage       what a stage is called, and which there are
deployed    where a stage's tasks run, as its task definition says
asking      asking AWS again, where that helps
task        one task on Fargate: started once, looked at, ended
output      what a task writes
oneoff      a task for as long as a block
preview     a stage for a pull request, with its own branch of the database
progress    what a person sees of steps that take their time
"""
