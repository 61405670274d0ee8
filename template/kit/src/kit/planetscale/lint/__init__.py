"""PlanetScale's schema rules, checked on a laptop: to find what a deploy request would refuse before opening one.

render_sql  each migration's SQL for MySQL with the line that it comes from, without a database
tables      what the tables look like after each statement
rules       what PlanetScale refuses: codes, descriptions, and what to do instead
linter      checks the migrations from the first to the last
"""
