"""`./exec`: one-off work in a task of the deployed image. A module for each thing that it does.

console     a session in a fresh task: the console, a shell, any command
command     --run: a command as the task's own, with its output and exit code
ps          what still runs
stop        end it
attach      enter it
follow      its output and exit code
local       --local: the same words on this machine, before there is a cloud

options     what can be said on the command line
chosen      which account, stage and task is meant
terminal    entering a task, by AWS's session-manager-plugin
"""
