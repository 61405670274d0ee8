"""Updates by the hundred: releases × infrastructures × edits × Git configurations × checkouts × kills × the pipeline.

    python3 template/uvw run python tests/update_matrix --count 200 --jobs 2

A scenario is derived from its number alone, so `--only 17` repeats it. The oracle does not know how an update works: it
compares the work tree before and after. A line of the user's must still be there, or its file must be named; whatever
is left to do must be named; and a refusal must have changed nothing and name a next command that works.

template    the repository that is updated from, with every version
files       reading and comparing the files of a project
edits       what a user has changed and committed
obstacles   what an update refuses
configs     Git configurations of users
checkouts   how the project was checked out
scenario    one combination of these
oracle      whether the result of an update is right
run         a scenario with `make update`, killed or not
pipeline    a scenario with the steps of update.yml
play        playing scenarios by their numbers
"""
