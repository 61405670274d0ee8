"""Copies of this work tree as it stands: whole, or with few of its files.

Copier takes milliseconds for each file of each copy, and an update is five copies. Most tests of copying and updating are
about what is refused, asked, merged or reported, whatever the number of files.
"""

import re
from pathlib import Path

from releases import git
from rendering import ROOT

SMALL = re.compile(
    r"(?!template/|docs/|bench/|tests/|\.github/)"
    r"|docs/upgrading"
    r"|template/(?:"
    r"[^/]+$|app/(?:about|web)|migrations/versions/|tests/test_(?:jobs|wall|web)"
    r"|\.github/workflows/(?:README|update)"
    r"|infra/[a-z]+/(?:README|own)"
    r"|kit/(?:docs/updating|propose_update|pyproject|uvw"
    r"|src/kit/(?:__init__|db/(?:bulk|__init__)|web/(?:forms|middleware))))"
)
"""What a small copy has: all that generates a project, and of the project what tests change, run or look for."""


def copy_work_tree(folder: Path, *, small: bool = False) -> None:
    """Copy every file that Git has, or would add, as it is now; in a small copy, only those of SMALL."""
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (source := ROOT / name).is_file() and not (small and not SMALL.match(name)):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
