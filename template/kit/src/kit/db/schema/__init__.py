"""The schema on MySQL, read without a database.

render_sql   each migration's SQL for MySQL with the line that it comes from
parse        a statement's tree
definitions  what a table consists of, as MySQL understands it
columns      a column's definition, read from its tree
tables       what the tables look like after each statement
problem      what a rule says
live         what the live version does not survive
widths       whether a type that is changed still holds what it held
unused       what is marked to be dropped
needs        what the schema has for the live version, although the models don't
reasons      the comments that overrule a rule
steps        renames and drops in steps
"""
