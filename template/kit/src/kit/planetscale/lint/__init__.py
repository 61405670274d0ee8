"""The migrations' check on a laptop: what a deploy request or MySQL would refuse, and what the live version can't take.

rules   what PlanetScale refuses: codes, descriptions, and what to do instead
linter  checks the migrations from the first to the last
"""
