"""The steps of the app's workflows that do more than call make: each run by bash, with GitHub's parts played."""

import json
import subprocess
from pathlib import Path

import pytest

import parts
from releases import git
from workflows import outputs, program, run, step

CREATED = "pr create --head template-v1.1.0 --title Bring the template's v1.1.0 --body What the template learned since."
COMMENTS = "repos/me/my-app/issues/12/comments"


@pytest.mark.parametrize(
    ("job", "call"), [("deploy.deploy", "deploy STAGE=prod YES=1"), ("preview.preview", "preview PR=12 YES=1")]
)
def test_the_address_is_handed_on(app: Path, tmp_path: Path, job: str, call: str) -> None:
    program(tmp_path / "bin", "make", 'echo "talk" >&2; echo "$@" >> called; echo https://wall.example.com')
    folder = tmp_path / "app"
    folder.mkdir()
    done = run(step(app, job, "address="), folder, tmp_path / "bin", NUMBER="12")
    assert done.returncode == 0, done.stdout
    assert outputs(folder) == {"address": "https://wall.example.com"}
    assert folder.joinpath("called").read_text() == f"{call}\n"


@pytest.mark.parametrize("job", ["deploy.deploy", "preview.preview"])
def test_a_failed_deployment_fails_its_step(app: Path, tmp_path: Path, job: str) -> None:
    program(tmp_path / "bin", "make", "echo https://half.example.com; exit 2")
    folder = tmp_path / "app"
    folder.mkdir()
    assert run(step(app, job, "address="), folder, tmp_path / "bin", NUMBER="12").returncode == 2
    assert outputs(folder) == {}


def test_the_region_comes_from_the_projects_answers(app: Path, tmp_path: Path) -> None:
    shell = step(app, "aws-login", "AWS_REGION")
    folder = tmp_path / "app"
    folder.mkdir()
    folder.joinpath("project.mk").write_bytes(app.joinpath("project.mk").read_bytes())
    assert run(shell, folder, tmp_path / "bin").returncode == 0
    assert outputs(folder) == {"region": "us-east-1"}


class GitHub:
    """Plays `gh api` over one pull request's comments, and `gh pr create`; jq is the real one, as in gh."""

    def __init__(self, folder: Path, comments: list[dict[str, object]]) -> None:
        self.file = folder / "comments.json"
        self.file.write_text(json.dumps(comments))
        program(folder / "bin", "gh", f'exec python3 "{folder}/gh.py" "$@"')
        folder.joinpath("gh.py").write_text(GH)

    @property
    def comments(self) -> list[dict[str, str]]:
        read: list[dict[str, str]] = json.loads(self.file.read_text())
        return read


GH = f"""
import json, pathlib, subprocess, sys
here = pathlib.Path(__file__).parent
_, *arguments = sys.argv
if arguments[0] != "api":
    here.joinpath("gh.log").open("a").write(" ".join(arguments) + "\\n")
    sys.exit()
comments = json.loads(here.joinpath("comments.json").read_text())
body = next((one.removeprefix("body=") for one in arguments if one.startswith("body=")), None)
if "--jq" in arguments:
    assert "{COMMENTS}" in arguments
    program = arguments[arguments.index("--jq") + 1]
    sys.exit(subprocess.run(["jq", "--raw-output", program, str(here / "comments.json")]).returncode)
if "PATCH" in arguments:
    (found,) = [one for one in comments if one["url"] in arguments]
    found["body"] = body
else:
    assert "{COMMENTS}" in arguments
    comments.append({{"url": f"https://api/{{len(comments)}}", "user": {{"login": "github-actions[bot]"}}, "body": body}})
here.joinpath("comments.json").write_text(json.dumps(comments))
"""


def comment(app: Path, tmp_path: Path, address: str) -> None:
    folder = tmp_path / "app"
    folder.mkdir(exist_ok=True)
    shell = step(app, "preview.comment", "gh api")
    done = run(shell, folder, tmp_path / "bin", COMMENTS=COMMENTS, ADDRESS=address, COMMIT="abc")
    assert done.returncode == 0, done.stdout


def test_the_address_is_commented_once_and_then_updated(app: Path, tmp_path: Path) -> None:
    parts.program("jq")
    others = [
        {"url": "https://api/0", "user": {"login": "eve"}, "body": "<!-- preview --> mine!"},
        {"url": "https://api/1", "user": {"login": "github-actions[bot]"}, "body": "Coverage: 90 %"},
    ]
    github = GitHub(tmp_path, others)
    for address in ("https://one.example.com", "https://two.example.com"):
        comment(app, tmp_path, address)
    *first, ours = github.comments
    assert first == others
    assert ours["body"] == "<!-- preview --> Preview of abc: https://two.example.com"


@pytest.fixture
def clone(app: Path, tmp_path: Path) -> Path:
    """A clone of the app's repository, whose work tree `make update` has changed."""
    GitHub(tmp_path, [])
    seed, bare, folder = tmp_path / "seed", tmp_path / "origin.git", tmp_path / "clone"
    seed.mkdir()
    seed.joinpath(".copier-answers.yml").write_text("_commit: v1.0.0\n_src_path: gh:x/y\n")
    git(seed, "init", "--quiet", "--initial-branch", "main")
    git(seed, "add", "--all")
    git(seed, "commit", "--quiet", "--message", "app")
    git(tmp_path, "clone", "--quiet", "--bare", str(seed), str(bare))
    git(tmp_path, "clone", "--quiet", str(bare), str(folder))
    return folder


def propose(app: Path, clone: Path) -> subprocess.CompletedProcess[str]:
    return run(step(app, "update.update", "git switch"), clone, clone.parent / "bin")


def update(clone: Path, version: str) -> None:
    clone.joinpath(".copier-answers.yml").write_text(f"_commit: {version}\n_src_path: gh:x/y\n")
    clone.joinpath("kit.py").write_text(version)


def asked(clone: Path) -> list[str]:
    log = clone.parent / "gh.log"
    return log.read_text().splitlines() if log.exists() else []


def test_an_update_becomes_a_branch_and_a_pull_request(app: Path, clone: Path) -> None:
    update(clone, "v1.1.0")
    done = propose(app, clone)
    assert done.returncode == 0, done.stdout
    assert git(clone.parent / "origin.git", "show", "template-v1.1.0:kit.py") == "v1.1.0"
    assert (
        git(clone.parent / "origin.git", "log", "--format=%s", "main..template-v1.1.0") == "Bring the template's v1.1.0"
    )
    assert asked(clone) == ["auth setup-git", CREATED]


def test_conflicts_go_into_a_draft_that_names_the_files(app: Path, clone: Path) -> None:
    for branch, text in (("theirs", "a"), ("main", "b")):
        git(clone, "switch", "--quiet", "--force-create", branch, "origin/main")
        clone.joinpath("kit.py").write_text(text)
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--message", text)
    program(
        clone.parent / "bin",
        "make",
        "git -c user.name=T -c user.email=t@example.com merge --no-commit theirs; git merge --quit; exit 2",
    )
    assert run(step(app, "update.update", "make update"), clone, clone.parent / "bin").returncode == 0
    clone.joinpath(".copier-answers.yml").write_text("_commit: v1.1.0\n")
    done = propose(app, clone)
    assert done.returncode == 0, done.stdout
    assert "<<<<<<<" in git(clone.parent / "origin.git", "show", "template-v1.1.0:kit.py")
    assert asked(clone)[-1].endswith("--draft --body Both changed the same lines of: kit.py")


def test_an_update_that_is_not_possible_fails_its_step(app: Path, clone: Path) -> None:
    program(clone.parent / "bin", "make", "exit 2")
    assert run(step(app, "update.update", "make update"), clone, clone.parent / "bin").returncode == 1


def test_without_anything_new_nothing_is_pushed(app: Path, clone: Path) -> None:
    done = propose(app, clone)
    assert (done.returncode, done.stdout) == (0, "The template has nothing new.\n")
    assert git(clone.parent / "origin.git", "branch", "--format=%(refname:short)") == "main"
    assert asked(clone) == []


def test_a_branch_that_is_there_is_left_as_it_is(app: Path, clone: Path) -> None:
    update(clone, "v1.1.0")
    assert propose(app, clone).returncode == 0
    before = git(clone.parent / "origin.git", "rev-parse", "template-v1.1.0")
    git(clone, "switch", "--quiet", "main")
    update(clone, "v1.1.0")
    done = propose(app, clone)
    assert done.returncode == 0, done.stdout
    assert "is there already" in done.stdout
    assert git(clone.parent / "origin.git", "rev-parse", "template-v1.1.0") == before
    assert asked(clone).count(CREATED) == 1


def test_a_refused_push_says_which_token_is_needed(app: Path, clone: Path) -> None:
    program(clone.parent / "origin.git" / "hooks", "pre-receive", "echo refusing; exit 1")
    update(clone, "v1.1.0")
    done = propose(app, clone)
    assert done.returncode == 1
    assert "See UPDATE_TOKEN" in done.stdout
    assert asked(clone) == ["auth setup-git"]
