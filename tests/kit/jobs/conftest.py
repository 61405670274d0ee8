"""The fixtures of these tests, out of `stage`; the folder is a package, so that this file is not taken for others'."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from stage import calls, db, emulator, queue, server

__all__ = ["calls", "db", "emulator", "queue", "server"]
