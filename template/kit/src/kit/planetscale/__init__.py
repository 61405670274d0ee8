"""Changing a PlanetScale database's schema the documented way: branch, migrate there, deploy request, deploy.

transport        one HTTP request to PlanetScale's API, with a service token or through the pscale command line
client           requests about one database: retries, pages, and which access a token lacks
project          which organization and database: .pscale.yml
production       which branch is production and whether the database takes deploy requests
branches         development branches and their passwords
schema           the tables of a branch, and what a deploy request would change beyond the migrations
states           what each state of a deploy request means: wait, act, done or failed, and the next step
schema_change    the steps of `make migrate`, which can be interrupted anywhere and run again
  run              what the steps share: the options, the branch and the database
  deploy_requests  reading, closing, deploying and acknowledging deploy requests
  deploy_queue     waiting for other deployments, and cleaning up after earlier runs
  deployment       checking a deploy request, starting its deployment and waiting for its end
lint             PlanetScale's schema rules, checked without a database
"""
