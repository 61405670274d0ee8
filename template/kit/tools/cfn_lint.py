# /// script
# requires-python = ">=3.11"
# dependencies = ["cfn-lint==1.58.0"]
# ///
"""Runs a command beside cfn-lint, with exactly the packages that cfn_lint.py.lock names: their versions and their hashes.

To update them: change the version above, and run ./uvw lock --script kit/tools/cfn_lint.py --upgrade
"""

import os
import sys

os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  (uv has put this environment's programs first on the PATH)
