"""Every shell script, of the template and of the app, passes shellcheck."""

import subprocess

import parts
from releases import git
from rendering import ROOT


def test_shellcheck_finds_nothing_in_any_script() -> None:
    tracked = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    firsts = {
        name: ROOT.joinpath(name).read_bytes().partition(b"\n")[0] for name in tracked if ROOT.joinpath(name).is_file()
    }
    scripts = [name for name, first in firsts.items() if first.startswith(b"#!") and first.split()[-1].endswith(b"sh")]
    assert ".ci/run" in scripts
    done = subprocess.run([parts.program("shellcheck"), *scripts], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
