"""`make spike`: what a stage carries when many people come at once, by a forecast and by a rehearsal on this machine.

command       the command line
scenario      the visitors, the limits and the app's times
arrivals      when each request comes
edge          which of them the CDN answers
simulation    what the API, Lambda and the database's connections do with the others
job_queue     the jobs that requests enqueue
forecast      the result in numbers, with its costs
advice        which setting to change
table         the result in a terminal
picture       the result as an SVG
app_times     how long the app takes: measured here, or read from a stage's logs
rehearsal     a burst on real environments on this machine
environments  those environments: the app's image in AWS's runtime emulator
burst         what runs inside their container
this_machine  a forecast for environments that share this machine's cores
"""
