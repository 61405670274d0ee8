"""The benchmark: what an app of this template takes, beside what people would use instead, in one run.

    make bench              all of it, into docs/benchmark.md, .json and .svg; under 15 minutes on two cores
    make bench-quick        a look at most of it, printed alone; under 2 minutes
    make bench-burst        many environments at once alone, into the same files; 4 minutes

contender       the apps, and how each becomes an image
database        a MySQL server with ten messages, whose authority the images trust
environment     one Lambda environment in AWS's own emulator
rounds          starts and requests, in turns
footprint       what an image holds, and what a start reads of it
jobs            jobs a second, beside Powertools' BatchProcessor
generation      render, copy with checks, update, beside other templates
report          ratios first, then medians with their spread
picture         the same as an SVG
"""
