"""The plumbing under your app: `copier update` rewrites this folder, so keep your own code in `app/`.

settings        what the app reads from its environment
secrets         the database's URL from SSM or Secrets Manager
logs            one line a happening: JSON in the cloud, plain in a terminal
wiring          the names by which the kit finds your app
clock           what time it is
database        the engine, and two ways to use it: session() and reading()
transactions    what is done after a commit
connection      from one URL to an engine, and its pool
mysql           one connection: TLS, what happens after a drop
dialect         SQLAlchemy's, for those connections
ahead           the first connection, opened while the app is imported
sqlite          SQLite's settings, and results counted as MySQL would send them
columns         column types that mean the same on SQLite and on MySQL
limits          PlanetScale's limits, felt on every database
batches         changing or deleting many rows, a short transaction at a time
migrations      writing migrations, and bringing a database to the newest schema
schema          what PlanetScale would refuse of them, and the way round
planetscale     branches and deploy requests
web             what every request gets: an id, a log line, security headers, a same-origin check
background      a warning for background tasks, which Lambda waits for
asgi            which response headers may be sent, and a response begun again
forms           reading a posted form
templates       Jinja's, compiled when the image is built
jobs            work that is handed off: declared, enqueued, run, scheduled
aws             AWS's JSON APIs, without boto3
start           the image's entry point on Lambda
packed          the byte code of a start, in one file
packing         writing that, while the image is built
measured        one start, told as JSON for `python -m kit cold`
lambda_web      the web app as a Lambda function
lambda_jobs     the jobs as a Lambda function
commands        the command line, `python -m kit …`
oneoff          what runs inside a one-off task, around its command
testing         what your tests lean on (those of jobs in testing_jobs)
"""
