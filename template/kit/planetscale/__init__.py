"""Changing a PlanetScale database's schema the documented way: branch, migrate there, deploy request, deploy.

api         PlanetScale's HTTP API, by a service token or through the pscale command line
branch      a development branch and its passwords: made, waited for, taken away
project     which organization, database and branch: .pscale.yml
deploying   the steps, which can be broken off and taken up again
"""
