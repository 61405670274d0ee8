"""The schema on MySQL, read without a database.

render_sql   each migration's SQL for MySQL with the line that it comes from
parse        a statement's tree
definitions  what a table consists of, as MySQL understands it
columns      a column's definition, read from its tree
tables       what the tables look like after each statement
"""
