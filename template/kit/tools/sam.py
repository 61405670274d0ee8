# /// script
# requires-python = ">=3.11"
# dependencies = ["aws-sam-cli==1.170.0"]
# ///
"""Runs a command beside SAM's command line, with exactly the packages that sam.py.lock names: their versions and their hashes.

To update them: change the version above, and run ./uvw lock --script kit/tools/sam.py --upgrade
"""

import os
import sys

os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  (uv has put this environment's programs first on the PATH)
