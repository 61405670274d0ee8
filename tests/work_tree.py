"""Copies of this work tree as it stands: whole, or with few of its files.

Copier takes milliseconds for each file of each copy, and an update is five copies. Most tests of copying and updating are
about what is refused, asked, merged or reported, whatever the number of files.
"""

import re
from pathlib import Path

from releases import git
from rendering import ROOT

LEFT_OUT = re.compile(
    r"(?:bench|tests|\.github)/"
    r"|template/infra/(?:cdk/system|sam/parts)/"
    r"|template/kit/(?:blank|docs)/(?!updating)"
    r"|template/kit/src/kit/(?:aws_lambda|cli/(?!main|__init__)|coldstart|db/(?!bulk|__init__)|jobs|ops|planetscale|testing|uploads|web/(?!forms|middleware|__init__))"
)
"""What a small copy lacks. It has what tests change, and what `make update` runs."""


def copy_work_tree(folder: Path, *, small: bool = False) -> None:
    """Copy every file that Git has, or would add, as it is now; in a small copy, without those of LEFT_OUT."""
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (source := ROOT / name).is_file() and not (small and LEFT_OUT.match(name)):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
