"""Changing a PlanetScale database's schema the documented way: branch, migrate there, deploy request, deploy.

transport   one HTTP request to PlanetScale's API, with a service token or through the pscale command line
api         requests about one database: retries, pages, and which access a token lacks
project     which organization and database: .pscale.yml
production  which branch is production and whether the database takes deploy requests, as the service says
branch      development branches and their passwords
schema      the tables of a branch, and what a deploy request would change beyond the migrations
states      what each state of a deploy request means: wait, act, done or failed, and the next step
deploying   the steps, which can be interrupted anywhere and run again
"""
