"""The steps of the app's workflows that do more than call make: each run by bash, with GitHub's parts played."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import parts
from releases import git
from workflows import jobs, outputs, program, run, step, steps

CREATED = "pr create --head template-v1.1.0 --title Update the template to v1.1.0 --body-file"
COMMENTS = "repos/me/my-app/issues/12/comments"


@pytest.mark.parametrize(
    ("job", "call"),
    [
        ("deploy.deploy", "deploy STAGE=prod YES=1 TIP=main IMAGE_FILE=/runner/image.tar"),
        ("preview.preview", "preview PR=12 YES=1"),
    ],
)
def test_the_address_is_handed_on(app: Path, tmp_path: Path, job: str, call: str) -> None:
    program(tmp_path / "bin", "make", 'echo "talk" >&2; echo "$@" >> called; echo https://wall.example.com')
    folder = checkout(app, tmp_path)
    done = run(step(app, job, "--output address"), folder, tmp_path / "bin", NUMBER="12", RUNNER_TEMP="/runner")
    assert done.returncode == 0, done.stdout
    assert outputs(folder) == {"address": "https://wall.example.com"}
    assert folder.joinpath("called").read_text() == f"{call}\n"


@pytest.mark.parametrize("job", ["deploy.deploy", "preview.preview"])
def test_a_failed_deployment_fails_its_step(app: Path, tmp_path: Path, job: str) -> None:
    program(tmp_path / "bin", "make", "echo https://half.example.com; exit 2")
    folder = checkout(app, tmp_path)
    assert run(step(app, job, "--output address"), folder, tmp_path / "bin", NUMBER="12").returncode == 2
    assert outputs(folder) == {}


def test_a_rollback_is_to_the_version_that_was_asked_for(app: Path, tmp_path: Path) -> None:
    program(tmp_path / "bin", "make", 'printf "%s|" "$@" > called')
    folder = checkout(app, tmp_path)
    done = run(step(app, "rollback.rollback", "make rollback"), folder, tmp_path / "bin", VERSION="41; id")
    assert done.returncode == 0, done.stdout
    assert folder.joinpath("called").read_text() == "rollback|STAGE=prod|YES=1|TO=41; id|"


def checkout(app: Path, tmp_path: Path) -> Path:
    """A folder with what a step runs of the app's repository besides make."""
    folder = tmp_path / "app"
    folder.mkdir()
    folder.joinpath("kit").symlink_to(app / "kit")
    return folder


def test_the_region_comes_from_the_projects_answers(app: Path, tmp_path: Path) -> None:
    shell = step(app, "aws-login", "AWS_REGION")
    folder = tmp_path / "app"
    folder.mkdir()
    folder.joinpath("project.mk").write_bytes(app.joinpath("project.mk").read_bytes())
    assert run(shell, folder, tmp_path / "bin").returncode == 0
    assert outputs(folder) == {"region": "us-east-1"}


def test_a_role_whose_sessions_are_too_short_comes_with_the_command_that_changes_it(app: Path, tmp_path: Path) -> None:
    shell = step(app, "aws-login", "too short")
    done = run(shell, app, tmp_path / "bin", ROLE="arn:aws:iam::123456789012:role/ci/my-app-deploy", DURATION="7200")
    assert "aws iam update-role --role-name my-app-deploy --max-session-duration 7200" in done.stdout


class GitHub:
    """Plays `gh api` over one pull request's comments, `gh pr list` and `gh pr create`; jq is the real one, as in gh."""

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
import json, os, pathlib, shutil, subprocess, sys
here = pathlib.Path(__file__).parent
_, *arguments = sys.argv
if arguments[0] != "api":
    here.joinpath("gh.log").open("a").write(" ".join(arguments) + "\\n")
    if arguments[:2] == ["run", "download"]:
        assert arguments[2] == os.environ["GITHUB_RUN_ID"] and arguments[arguments.index("--name") + 1] == "update"
        shutil.copytree(here / "artifact", arguments[arguments.index("--dir") + 1], dirs_exist_ok=True)
    pulls = here / "pulls.json"
    found = json.loads(pulls.read_text()) if pulls.exists() else []
    if arguments[:2] == ["pr", "list"]:
        branch, program = (arguments[arguments.index(name) + 1] for name in ("--head", "--jq"))
        listed = json.dumps([pull for pull in found if pull["head"] == branch])
        sys.exit(subprocess.run(["jq", "--raw-output", program], input=listed, text=True).returncode)
    if arguments[:2] == ["pr", "create"]:
        if here.joinpath("refuses").exists():
            # What GitHub answers where Actions may not: docs.github.com/en/organizations, "Managing GitHub Actions permissions"
            sys.exit("pull request create failed: GraphQL: GitHub Actions is not permitted to create or approve pull requests")
        head, body = (arguments[arguments.index(name) + 1] for name in ("--head", "--body-file"))
        pull = {{"head": head, "state": "OPEN", "url": "https://github.com/me/my-app/pull/1"}}
        pulls.write_text(json.dumps([pull | {{"body": pathlib.Path(body).read_text(), "draft": "--draft=true" in arguments}}, *found]))
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
    seed.joinpath(".github/workflows").mkdir(parents=True)
    seed.joinpath(".github/workflows/check.yml").write_text("on: push\n")
    seed.joinpath("kit").mkdir()
    shutil.copy(app / "kit/propose_update.sh", seed / "kit")
    seed.joinpath(".copier-answers.yml").write_text("_commit: v1.0.0\n_src_path: gh:x/y\n")
    git(seed, "init", "--quiet", "--initial-branch", "main")
    git(seed, "add", "--all")
    git(seed, "commit", "--quiet", "--message", "app")
    git(tmp_path, "clone", "--quiet", "--bare", str(seed), str(bare))
    return folder


TOKEN = "ghs_geheim"
"""What only the job with rights has."""


def check_out(clone: Path) -> None:
    """What actions/checkout leaves on a new runner: a clone, and nothing of a job before."""
    shutil.rmtree(clone, ignore_errors=True)
    git(clone.parent, "clone", "--quiet", str(clone.parent / "origin.git"), str(clone))


def make_update(
    app: Path, clone: Path, *, rc: int = 0, version: str = "v1.1.0", report: str = "News.", more: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the job that calls make, which is played: it changes the clone, ends with `rc`, and writes a report.

    more: what the new version does besides.
    """
    check_out(clone)
    shell = [f'echo "{report}" > "${{2#REPORT=}}"'] if report else []
    if version:
        shell += [
            f'printf "_commit: {version}\\n_src_path: gh:x/y\\n" > .copier-answers.yml',
            f"echo {version} > kit.py",
        ]
    program(clone.parent / "bin", "make", "\n".join([*shell, more, f"exit {rc}"]))
    temp = clone.parent / "temp"
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir()
    done = run(step(app, "update.update", "make update"), clone, clone.parent / "bin", RUNNER_TEMP=str(temp))
    shutil.rmtree(clone.parent / "artifact", ignore_errors=True)
    shutil.copytree(temp / "update", clone.parent / "artifact")
    return done


def propose(app: Path, clone: Path) -> subprocess.CompletedProcess[str]:
    """Run the job that makes the pull request on a runner of its own, with what the one before handed on."""
    environ = {"DRAFT": outputs(clone)["draft"], "GH_TOKEN": TOKEN, "GITHUB_RUN_ID": "7"}
    (declared,) = [one["env"] for name, one in steps(app) if name == "update.propose" and "env" in one]
    environ = {name: str(value) for name, value in declared.items()} | environ
    check_out(clone)
    temp = clone.parent / "temp"
    shutil.rmtree(temp)
    temp.mkdir()
    shell = step(app, "update.propose", "kit/propose_update.sh")
    return run(shell, clone, clone.parent / "bin", RUNNER_TEMP=str(temp), **environ)


def a_week(app: Path, clone: Path, **played: Any) -> subprocess.CompletedProcess[str]:
    """Run both jobs, each on a new runner, as the schedule does; the second only if the first has an output."""
    done = make_update(app, clone, **played)
    return propose(app, clone) if done.returncode == 0 and outputs(clone) else done


def pulls(clone: Path) -> list[dict[str, Any]]:
    file = clone.parent / "pulls.json"
    found: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return found


def asked(clone: Path) -> list[str]:
    log = clone.parent / "gh.log"
    return log.read_text().splitlines() if log.exists() else []


def test_an_update_becomes_a_branch_and_a_pull_request_with_its_report(app: Path, clone: Path) -> None:
    done = a_week(app, clone, report="To do by hand since 1.1.0")
    assert done.returncode == 0, done.stdout
    origin = clone.parent / "origin.git"
    assert git(origin, "show", "template-v1.1.0:kit.py") == "v1.1.0"
    assert git(origin, "log", "--format=%s", "main..template-v1.1.0") == "Update the template to v1.1.0"
    (pull,) = pulls(clone)
    assert "To do by hand since 1.1.0" in pull["body"]
    assert "Merging this deploys it" in pull["body"]
    assert not pull["draft"]


def test_what_is_left_to_settle_becomes_a_draft_that_says_so(app: Path, clone: Path) -> None:
    done = a_week(app, clone, rc=2, report="dependencies are locked: uv lock failed")
    assert done.returncode == 0, done.stdout
    (pull,) = pulls(clone)
    assert "uv lock failed" in pull["body"]
    assert pull["draft"]


@pytest.mark.parametrize(
    "played",
    [{"rc": 2, "version": "", "report": ""}, {"rc": 2, "version": "", "report": "Markers."}, {"rc": 2, "report": ""}],
    ids=["refused", "wrong as it is", "broken off"],
)
def test_an_update_that_is_not_possible_fails_every_week(app: Path, clone: Path, played: dict[str, Any]) -> None:
    for _ in range(2):
        done = a_week(app, clone, **played)
        assert done.returncode == 1
        assert "::error::The update was refused" in done.stdout
    assert git(clone.parent / "origin.git", "branch", "--format=%(refname:short)") == "main"


def test_without_anything_new_nothing_is_pushed(app: Path, clone: Path) -> None:
    done = a_week(app, clone, version="", report="")
    assert (done.returncode, done.stdout) == (0, "::notice::Up to date: v1.0.0.\n")
    assert git(clone.parent / "origin.git", "branch", "--format=%(refname:short)") == "main"
    assert asked(clone) == []


@pytest.mark.parametrize(
    ("state", "code", "message"),
    [
        ("OPEN", 0, "::warning::v1.1.0 is waiting to be merged: https://github.com/me/my-app/pull/1"),
        (
            "CLOSED",
            0,
            "::warning::v1.1.0 was closed without being merged: https://github.com/me/my-app/pull/1 Reopen it",
        ),
        ("MERGED", 1, "::error::v1.1.0 was merged, but main does not have it: https://github.com/me/my-app/pull/1"),
    ],
)
def test_an_existing_branch_is_left_alone_and_its_state_reported_every_week(
    app: Path, clone: Path, state: str, code: int, message: str
) -> None:
    assert a_week(app, clone).returncode == 0
    before = git(clone.parent / "origin.git", "rev-parse", "template-v1.1.0")
    clone.parent.joinpath("pulls.json").write_text(json.dumps([pulls(clone)[0] | {"state": state}]))
    for _ in range(2):
        done = a_week(app, clone)
        assert done.returncode == code, done.stdout
        assert message in done.stdout
    assert git(clone.parent / "origin.git", "rev-parse", "template-v1.1.0") == before
    assert len([call for call in asked(clone) if call.startswith(CREATED)]) == 1


def test_where_pull_requests_may_not_be_made_it_says_so_until_they_may(app: Path, clone: Path) -> None:
    refuses = clone.parent / "refuses"
    refuses.touch()
    for _ in range(2):
        done = a_week(app, clone)
        assert done.returncode == 1
        assert "the pull request could not be created. Allow GitHub Actions to create pull requests" in done.stdout
    refuses.unlink()
    assert a_week(app, clone).returncode == 0
    assert [pull["state"] for pull in pulls(clone)] == ["OPEN"]


def test_a_refused_push_fails_and_opens_no_pull_request(app: Path, clone: Path) -> None:
    program(clone.parent / "origin.git" / "hooks", "pre-receive", "echo refusing; exit 1")
    for _ in range(2):
        done = a_week(app, clone)
        assert done.returncode == 1
        assert "::error::v1.1.0 could not be pushed; see the reason above." in done.stdout
    assert pulls(clone) == []


ATTACK = """
env > {loot}/env
{{ for hook in pre-commit commit-msg pre-push post-index-change; do
  echo 'env >> {loot}/env; echo ran >> {loot}/ran' | tee .git/hooks/$hook >/dev/null; chmod +x .git/hooks/$hook
done; git config core.fsmonitor 'echo ran >> {loot}/ran'; }} 2>/dev/null
printf '* filter=loot diff=loot\\n' > .gitattributes
git config filter.loot.clean 'echo ran >> {loot}/ran; cat'
printf '[core]\\nhooksPath = hooks\\n' > .gitconfig
ln -s {loot} linked
printf 'on: push\\njobs: {{}}\\n' > .github/workflows/evil.yml
rm -f {loot}/ran
"""


def test_a_new_version_cannot_take_the_token_that_may_write(app: Path, clone: Path) -> None:
    """What was done with one job: a hook that `make update` plants is run by the push, with the token."""
    loot = clone.parent / "loot"
    loot.mkdir()
    assert make_update(app, clone, more=ATTACK.format(loot=loot)).returncode == 0
    for left in ("env", "ran"):  # of the attack's own preparations, in the job without rights
        loot.joinpath(left).unlink(missing_ok=True)
    done = propose(app, clone)
    assert done.returncode == 0, done.stdout
    assert list(loot.iterdir()) == []
    assert not clone.joinpath("linked").is_symlink()
    assert TOKEN not in done.stdout
    changed = git(clone.parent / "origin.git", "diff", "--name-only", "main", "template-v1.1.0").split()
    assert {"kit.py", ".gitattributes", "linked"} <= set(changed)
    assert not [name for name in changed if name.startswith(".github/workflows")]
    assert git(clone.parent / "origin.git", "branch", "--format=%(refname:short)").split() == [
        "main",
        "template-v1.1.0",
    ]


def test_the_attack_succeeds_where_hooks_run(app: Path, clone: Path) -> None:
    loot = clone.parent / "loot"
    loot.mkdir()
    make_update(app, clone, more=ATTACK.format(loot=loot))
    git(clone, "-c", "user.name=me", "-c", "user.email=me@example.com", "commit", "--quiet", "--message", "update")
    assert "ran" in loot.joinpath("ran").read_text()


def test_the_new_version_runs_in_a_job_that_may_only_read(app: Path) -> None:
    found = dict(jobs(app))
    assert found["update.update"]["permissions"] == {"contents": "read"}
    assert "environment" not in found["update.update"]
    assert not [one for name, one in steps(app) if name == "update.update" and "env" in one]
    assert not [name for name, one in steps(app) if name == "update.propose" and "make " in one.get("run", "")]


@pytest.mark.parametrize("version", ["v1:main", "../main", "v1 --force", "v1$(id)", ""])
def test_a_version_that_is_none_names_no_branch(app: Path, clone: Path, version: str) -> None:
    answers = f"printf '%s\\n' '_commit: {version}' > .copier-answers.yml; echo 1 > kit.py"
    assert make_update(app, clone, more=answers).returncode == 0
    done = propose(app, clone)
    assert (done.returncode, "::error::The update names no valid version" in done.stdout) == (1, True)
    assert git(clone.parent / "origin.git", "branch", "--format=%(refname:short)") == "main"


def test_changed_pipelines_are_left_to_a_person_with_the_commands_that_add_them(app: Path, clone: Path) -> None:
    changed = "echo 'on: pull_request' > .github/workflows/check.yml; echo new > .github/workflows/new.yml"
    assert a_week(app, clone, more=changed).returncode == 0
    (pull,) = pulls(clone)
    assert pull["draft"]
    commands = re.findall(r"^    (g.+)$", pull["body"], re.MULTILINE)
    laptop = clone.parent / "laptop"
    git(clone.parent, "clone", "--quiet", str(clone.parent / "origin.git"), str(laptop))
    git(laptop, "switch", "--quiet", "template-v1.1.0")
    git(laptop, "config", "user.name", "me")
    git(laptop, "config", "user.email", "me@example.com")
    done = run("\n".join(commands), laptop, clone.parent / "bin", GITHUB_RUN_ID="7")
    assert done.returncode == 0, done.stdout
    origin = clone.parent / "origin.git"
    assert git(origin, "show", "template-v1.1.0:.github/workflows/check.yml") == "on: pull_request"
    assert git(origin, "show", "template-v1.1.0:.github/workflows/new.yml") == "new"
