"""What is done to a stage that runs in AWS, from a laptop or a pipeline: `python -m kit COMMAND`.

deploy      bring what is here to a stage
rollback    let visitors meet what was live before
destroy     take a stage away
secret      put a stage's secret where it is read
preview     a stage for a pull request, with its own branch of the database
status      what runs of a stage, waits, failed and comes next
logs        what a stage writes
cost        what idle, a normal day and a viral day cost
policy      who may do what, as IAM policies

session     whose AWS account this is, checked before anything is asked of it
stage       what a stage is called, and which there are
tool        the tool that describes the infrastructure, whichever it is
image       the one image, built and pushed
versions    what is live, and what was before
deployed    what runs of a stage, and where
answers     whether the app answers
asking      asking AWS again, where that helps
consent     asking a person
sight       what there is to see of a stage
lines       what a stage writes, line by line
usage       what a stage uses: the model of its bill
standing    what of a deployed stage has a price
task        one task on Fargate: started once, looked at, ended
output      what a task writes
oneoff      a task for as long as a block
progress    what a person sees of steps that take their time
"""
