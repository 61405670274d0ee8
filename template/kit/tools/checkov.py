# /// script
# requires-python = ">=3.11"
# dependencies = ["checkov==3.3.30"]
# ///
"""Runs a command beside checkov, with exactly the packages that checkov.py.lock names: their versions and their hashes.

To update them: change the version above, and run ./uvw lock --script kit/tools/checkov.py --upgrade
"""

import os
import sys

os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  (uv has put this environment's programs first on the PATH)
