"""PlanetScale's schema rules, checked on a laptop: what a deploy request would refuse, before there is one.

offline     each migration's SQL for MySQL, with the line that it comes from; no database is asked
tables      what the tables look like after each statement
rules       what PlanetScale refuses, its code, and the way round
checking    all of it, from the first migration to the last
"""
