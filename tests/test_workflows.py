"""The pipelines that come with the app, and the template's own: what linters say, and what holds for all of them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import parts
from rendering import ROOT, rendered
from workflows import jobs, steps, workflows

RULES = ROOT / "template/kit/tools/zizmor.yml"
"""The rules of zizmor that an app's workflows turn off, each with its reason."""
SHELL = {
    "exec python3 kit/step.py",
    "exec kit/propose_update.sh",
    "echo",
    "gh attestation verify",
    "gh run download",
    "sed -n",
}
"""How a line of a step may begin that calls no make."""
LONGER = {"preview.comment", "update.update"}
"""Jobs whose shell has logic of its own: test_workflow_steps.py runs it."""


def copied(folder: Path, iac: str) -> Path:
    """A new app, as the repository that it will be."""
    app = shutil.copytree(rendered(iac), folder / "my-app", symlinks=True)
    subprocess.run(["git", "init", "--quiet"], cwd=app, check=True)
    return app


@pytest.fixture(scope="module", params=["cdk", "sam", "terraform", "template"])
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with workflows: a new app's, and this one."""
    which: str = request.param
    return ROOT if which == "template" else copied(tmp_path_factory.mktemp(which), which)


@pytest.mark.parametrize(
    "command", [["actionlint", "-no-color"], ["zizmor", "--offline", "--quiet", "--persona", "auditor", ".github"]]
)
def test_linters_find_nothing(repository: Path, command: list[str]) -> None:
    parts.program("shellcheck")  # which actionlint uses when it is there
    command = [parts.program(command[0]), *command[1:]]
    if "zizmor" in command[0] and repository != ROOT:
        command += ["--config", str(RULES)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linters_would_find_something(tmp_path: Path) -> None:
    folder = copied(tmp_path, "sam")
    broken = folder / ".github/workflows/check.yml"
    bad = "run: echo ${{ github.event.pull_request.title }}; echo $UNQUOTED"
    broken.write_text(broken.read_text().replace("run: make check", bad))
    actionlint = subprocess.run([parts.program("actionlint")], cwd=folder, capture_output=True, text=True).stdout
    assert "potentially untrusted" in actionlint
    assert "SC2086" in actionlint
    zizmor = [parts.program("zizmor"), "--offline", ".github"]
    assert "template-injection" in subprocess.run(zizmor, cwd=folder, capture_output=True, text=True).stdout


def test_the_app_has_a_pipeline_for_each_purpose(app: Path) -> None:
    assert workflows(app).keys() == {"check", "deploy", "preview", "preview-end", "rollback", "scan", "update"}


def test_a_pull_request_is_checked_on_the_laptops_database_and_on_a_real_one(app: Path) -> None:
    checks = workflows(app)["check"]["jobs"]
    run = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in checks.items()}
    assert run["check"] == ["make check"]
    assert run["mysql"] == ["make test DB=mysql"]


def test_every_action_is_pinned_by_its_commit_with_its_version_beside_it(repository: Path) -> None:
    used = [one["uses"] for _, one in steps(repository) if "uses" in one]
    assert used
    text = "\n".join(path.read_text() for path in sorted(repository.glob(".github/**/*.yml")))
    for action in used:
        pinned = re.fullmatch(r"[\w-]+(/[\w-]+)+@[0-9a-f]{40}", action)
        assert pinned or action.startswith("./.github/actions/"), action
        assert not pinned or re.search(rf"uses: {action} # v\d+\.\d+\.\d+\n", text), action


def test_an_action_has_one_version_in_all_workflows() -> None:
    files = [*ROOT.glob(".github/workflows/*"), *(ROOT / "template").glob(".github/**/*.yml*")]
    text = "\n".join(file.read_text() for file in files)
    used = set(re.findall(r"uses: ([\w-]+(?:/[\w-]+)+)@(\S+)", text))
    assert {"actions/checkout", "hashicorp/setup-terraform", "actions/setup-node"} <= {name for name, _ in used}
    assert len({name for name, _ in used}) == len(used), sorted(used)
    assert len(set(re.findall(r"terraform_version: (\S+)", text))) == 1


def test_nothing_is_allowed_but_what_a_job_asks_for(repository: Path) -> None:
    assert all(workflow["permissions"] == {} for workflow in workflows(repository).values())
    assert all("permissions" in job for _, job in jobs(repository))


def test_who_may_write_or_take_a_role_in_aws(app: Path) -> None:
    asked = {name: {what for what, how in job["permissions"].items() if how == "write"} for name, job in jobs(app)}
    assert {name: what for name, what in asked.items() if what} == {
        "deploy.attest": {"attestations", "id-token"},
        "deploy.attest-deployed": {"attestations", "id-token"},
        "deploy.deploy": {"id-token"},
        "preview.preview": {"id-token"},
        "preview.comment": {"pull-requests"},
        "preview-end.end": {"id-token"},
        "rollback.rollback": {"id-token"},
        "scan.codeql": {"security-events"},
        "update.propose": {"contents", "pull-requests"},
    }


def test_every_job_ends_by_itself_and_no_checkout_keeps_a_token(repository: Path) -> None:
    assert all("uses" in job or job["timeout-minutes"] <= 120 for _, job in jobs(repository))
    checkouts = [one for _, one in steps(repository) if one.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(one["with"]["persist-credentials"] is False for one in checkouts)


def test_a_session_in_aws_lasts_as_long_as_its_job_may_take(app: Path) -> None:
    lengths = {
        name: (one["with"]["seconds"], 60 * job["timeout-minutes"])
        for name, job in jobs(app)
        for one in job.get("steps", [])
        if one.get("uses") == "./.github/actions/aws-login"
    }
    assert lengths.keys() == {"deploy.deploy", "preview.preview", "preview-end.end", "rollback.rollback"}
    assert all(session == job for session, job in lengths.values()), lengths
    longest = max(session for session, _ in lengths.values())
    guide = app.joinpath("kit/docs/github.md").read_text(encoding="utf-8")
    assert f"aws iam create-role --role-name my-app-deploy --max-session-duration {longest} " in guide
    (login,) = [one for name, one in steps(app) if name == "aws-login" and "role-to-assume" in one.get("with", {})]
    assert login["with"]["role-duration-seconds"] == "${{ inputs.seconds }}"


def test_nobodys_words_become_shell(repository: Path) -> None:
    assert not [one["run"] for _, one in steps(repository) if "${{" in one.get("run", "")]


def test_every_step_calls_make_or_passes_on_its_output(app: Path) -> None:
    for name, one in steps(app):
        for line in one.get("run", "").splitlines():
            assert name in LONGER or line.startswith("make ") or any(line.startswith(word) for word in SHELL), line


@pytest.mark.parametrize("iac", ["cdk", "sam", "terraform"])
def test_every_make_target_that_is_called_exists(iac: str) -> None:
    folder = rendered(iac)
    called = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(one.get("run", "") for _, one in steps(folder))))
    assert called >= {"check", "fuzz", "image", "infra-check", "deploy", "rollback", "preview", "preview-end", "update"}
    listed = subprocess.run(["make"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert called <= set(re.findall(r"^  make ([a-z-]+)", listed, re.MULTILINE))


def test_a_merge_queue_gets_the_required_checks_and_deploys_nothing(app: Path) -> None:
    """Source: docs.github.com, Managing a merge queue: what is in the queue is a branch gh-readonly-queue/main/…"""
    triggered = {name for name, workflow in workflows(app).items() if "merge_group" in workflow["on"]}
    assert triggered == {"check", "scan"}
    assert workflows(app)["deploy"]["on"] == {"push": {"branches": ["main"]}}
    assert "merge_group" not in str([job.get("if") for _, job in jobs(app)])
    (upload,) = [one for name, one in steps(app) if name == "check.image" and "upload-artifact" in one.get("uses", "")]
    assert upload["if"].startswith("github.event_name == 'push' && ")


def test_nothing_of_the_repository_runs_where_an_image_is_signed(app: Path) -> None:
    signing = {name for name, job in jobs(app) if job["permissions"].get("attestations") == "write"}
    assert signing == {"deploy.attest", "deploy.attest-deployed"}
    for name, one in steps(app):
        if name in signing:
            action = one.get("uses", "").partition("@")[0]
            assert action == "actions/attest" or one["run"].startswith(("gh run download ", "echo ")), one
            assert "push-to-registry" not in one.get("with", {})  # what lies in ECR is one image, as Lambda needs it


def test_an_image_is_verified_before_it_is_deployed(app: Path) -> None:
    shell = [one.get("run", "") for name, one in steps(app) if name == "deploy.deploy"]
    downloaded, verified, deployed = (
        next(index for index, text in enumerate(shell) if word in text)
        for word in ("gh run download", "gh attestation verify", "make deploy")
    )
    assert downloaded < verified < deployed
    for option in (
        '"$RUNNER_TEMP/image.tar"',
        '--repo "$GITHUB_REPOSITORY"',
        '--source-digest "$GITHUB_SHA"',
        "--source-ref refs/heads/main",
        '--signer-workflow "$GITHUB_REPOSITORY/.github/workflows/deploy.yml"',
    ):
        assert option in shell[verified]


def test_what_costs_money_is_skipped_until_its_role_is_named(app: Path) -> None:
    for name, job in jobs(app):
        if "environment" in job:
            role = "AWS_PREVIEW_ROLE" if name.startswith("preview") else "AWS_DEPLOY_ROLE"
            assert f"vars.{role} != ''" in job["if"]


def test_forks_and_unread_updates_of_dependencies_get_checks_and_no_preview(app: Path) -> None:
    found = workflows(app)
    assert "secrets." not in str(found["check"])
    for name in ("preview", "preview-end"):
        (first, *_) = found[name]["jobs"].values()
        assert "github.event.pull_request.head.repo.full_name == github.repository" in first["if"]
        assert "github.event.pull_request.user.login != 'dependabot[bot]'" in first["if"]


def test_a_fork_is_not_updated_by_schedule(app: Path) -> None:
    first, second = workflows(app)["update"]["jobs"].values()
    assert (second["needs"], second["if"]) == ("update", "needs.update.outputs.draft != ''")
    assert first["if"] == "github.event.repository.fork == false || github.event_name != 'schedule'"


def test_with_secrets_at_hand_nothing_of_a_pull_request_is_checked_out(app: Path) -> None:
    for name, workflow in workflows(app).items():
        if "pull_request_target" in workflow["on"]:
            checkouts = [
                one["with"]["ref"]
                for job, one in steps(app)
                if job.startswith(f"{name}.") and "ref" in one.get("with", {})
            ]
            assert checkouts == ["${{ github.event.repository.default_branch }}"]


def test_the_settings_that_github_needs_are_documented(app: Path) -> None:
    text = "\n".join(path.read_text() for path in sorted(app.glob(".github/workflows/*.yml")))
    guide = app.joinpath("kit/docs/github.md").read_text(encoding="utf-8")
    names = set(re.findall(r"\b(?:vars|secrets)\.(\w+)", text))
    environments = {job["environment"]["name"] for _, job in jobs(app) if "environment" in job}
    assert len(names) == 6
    assert {name for name in names | environments if f"`{name}`" not in guide} == set()


def test_productions_role_trusts_one_repository_one_environment_and_one_branch(app: Path) -> None:
    guide = app.joinpath("kit/docs/github.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    (statement,) = json.loads(written)["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "SUBJECT:environment:production",
            "token.actions.githubusercontent.com:ref": "refs/heads/main",
        }
    }


TOKEN = {"aud": "sts.amazonaws.com", "sub": "repo:me@1/my-app@2:environment:production", "ref": "refs/heads/main"}


@pytest.mark.parametrize(
    ("claims", "taken"),
    [
        ({}, True),
        (
            {"ref": "refs/heads/mine"},
            False,
        ),  # a branch's own workflow, where the plan ignores the environment's setting
        ({"ref": "refs/pull/12/merge"}, False),
        ({"ref": "refs/tags/v1"}, False),
        ({"sub": "repo:me@1/my-app@2:environment:preview"}, False),
        ({"sub": "repo:me@1/my-app@2:ref:refs/heads/main"}, False),  # a job of main without the environment
        ({"sub": "repo:me@3/my-app@4:environment:production"}, False),  # somebody who took over the names
        ({"aud": "https://github.com/me"}, False),
    ],
)
def test_who_may_take_productions_role(app: Path, claims: dict[str, str], taken: bool) -> None:
    guide = app.joinpath("kit/docs/github.md").read_text(encoding="utf-8").replace("SUBJECT", "repo:me@1/my-app@2")
    (written,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    ((operator, conditions),) = json.loads(written)["Statement"][0]["Condition"].items()
    assert operator == "StringEquals"
    assert all((TOKEN | claims)[key.partition(":")[2]] == value for key, value in conditions.items()) is taken


@pytest.mark.parametrize("iac", ["cdk", "sam", "terraform"])
def test_nothing_that_a_pipeline_runs_may_change_between_two_runs_of_a_commit(iac: str) -> None:
    folder = rendered(iac)
    written = [folder / "Makefile", *folder.glob("infra/*/infra.mk"), *folder.glob("infra/cdk/cdk.json")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in [*written, *folder.glob(".github/**/*.yml")])
    assert not re.findall(
        r"tool run|\buvx\b|--with[ =]|pip install|npm install|:latest|= npx (?!--yes [\w-]+@\d+\.\d+\.\d+\s).*", text
    )
    assert {job["runs-on"] for _, job in jobs(folder) if "runs-on" in job} == {"ubuntu-24.04", "ubuntu-24.04-arm"}
    codeql = [one["with"] for _, one in steps(folder) if one.get("uses", "").startswith("github/codeql-action/init@")]
    assert [options["tools"] for options in codeql] == ["linked"]  # otherwise GitHub chooses its version
    versions = dict(re.findall(r"^ +(\w+[-_]version): (\S+)", text, re.MULTILINE))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values()), versions
    assert all("@sha256:" in image for image in re.findall(r"_IMAGE: (\S+)", text))
    tools = set(re.findall(r"\$\(TOOL\)/(\w+\.py)", text))
    assert tools == {file.name for file in folder.glob("kit/tools/*.py")}
    locked = [["--script", f"kit/tools/{tool}"] for tool in sorted(tools)]
    for project in [*locked, *(["--project", "infra/cdk"] for _ in folder.glob("infra/cdk/uv.lock"))]:
        done = subprocess.run(
            ["./uvw", "lock", "--check", "--quiet", *project], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, (project, done.stderr)


def test_a_package_that_is_not_the_locked_one_is_not_run(tmp_path: Path) -> None:
    """uv verifies the hashes of a script's lock; of requirements that it gets with --with it does not."""
    script = tmp_path / "tool.py"
    script.write_text(
        '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["six==1.17.0"]\n# ///\nprint("ran")\n'
    )
    uvw = [str(ROOT / "template/uvw")]
    subprocess.run([*uvw, "lock", "--quiet", "--script", str(script)], check=True)
    lock = tmp_path / "tool.py.lock"
    lock.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", lock.read_text()))
    command = [*uvw, "run", "--quiet", "--no-cache", "--locked", "--script", str(script)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "hash mismatch" in done.stderr.lower()


def test_a_rollback_waits_for_a_deployment_that_runs_and_is_not_dropped_for_the_next(app: Path) -> None:
    found = workflows(app)
    assert found["rollback"]["jobs"]["rollback"]["concurrency"] == found["deploy"]["jobs"]["deploy"]["concurrency"]
    assert found["rollback"]["jobs"]["rollback"]["concurrency"]["queue"] == "max"


def test_a_preview_is_never_made_and_ended_at_once(app: Path) -> None:
    found = workflows(app)
    assert found["preview"]["concurrency"] == found["preview-end"]["concurrency"]
    assert found["preview"]["concurrency"]["cancel-in-progress"] is False
    assert found["preview"]["concurrency"]["queue"] == "max"


def test_a_step_that_changes_aws_hears_when_it_is_cancelled(app: Path) -> None:
    commands = [
        one["run"]
        for name, one in steps(app)
        if " make " in one.get("run", "") and re.match(r"deploy\.|rollback|preview(-end)?\.(preview|end)", name)
    ]
    assert len(commands) == 4
    assert all(re.fullmatch(r"exec python3 kit/step\.py [^\n]*make [^\n]+", command.strip()) for command in commands)
