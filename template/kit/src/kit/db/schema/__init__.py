"""The schema that the migrations create on MySQL, read without a database.

render_sql  each migration's SQL for MySQL with the line that it comes from
tables      what the tables look like after each statement
"""
