"""`./exec`: one-off work in a task of the deployed image, a module for each verb.

console     a session in a new task: the console, a shell, any command
command     --run: a command as the task itself, with its output and exit code
local       --local: the same on this machine, before anything is deployed
ps, attach, follow, stop    work on running tasks

options     the command line
target      selects the account, the stage and the task
ecs_exec    opens a session in a task by AWS's session-manager-plugin
"""
