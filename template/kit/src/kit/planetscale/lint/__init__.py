"""PlanetScale's schema rules, checked on a laptop: to find what a deploy request would refuse before opening one.

rules   what PlanetScale refuses: codes, descriptions, and what to do instead
linter  checks the migrations from the first to the last
"""
