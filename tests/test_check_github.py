"""`make check-github` against a fake gh, whose answers have the shape that GitHub's OpenAPI document gives them."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import pytest

import github_contract
from kit.errors import UsageError
from kit.ops import check_github
from rendering import TEMPLATE
from workflows import program, workflows

GH = """
test "$1" = api || exit 9
path=${2%%\\?*}
file="$(dirname "$0")/answers/get$(echo "${path#repos/\\{owner\\}/\\{repo\\}}" | tr / _)"
test ! -f "$file" || exec cat "$file"
message="Not Found (HTTP 404)"
test ! -f "$file.error" || message=$(cat "$file.error")
echo "gh: $message" >&2
exit 1
"""
FREE_PLAN = "Upgrade to GitHub Pro or make this repository public to enable this feature. (HTTP 403)"


def named(*listed: str) -> list[dict[str, str]]:
    """Variables or secrets of these names."""
    now = "2026-11-01T00:00:00Z"
    return [{"name": one, "value": "…", "created_at": now, "updated_at": now} for one in listed]


def rule(kind: str, **parameters: Any) -> dict[str, Any]:
    source = {"ruleset_source_type": "Repository", "ruleset_source": "octocat/Hello-World", "ruleset_id": 1}
    return {"type": kind} | source | ({"parameters": parameters} if parameters else {})


def settled() -> dict[str, Any]:
    """The answers of a repository that lacks nothing: GitHub's examples, changed where it matters."""
    repository = github_contract.example("") | {"default_branch": "main", "language": None}
    for other in ("source", "parent", "template_repository"):
        repository.pop(other, None)
    repository["permissions"]["admin"] = True
    environment = github_contract.example("/environments/{environment_name}") | {"name": "production"}
    environment["deployment_branch_policy"] = {"protected_branches": False, "custom_branch_policies": True}
    checks = [{"context": name} for name in check_github.CHECKS]
    review = {
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": True,
        "require_last_push_approval": False,
        "required_approving_review_count": 1,
        "required_review_thread_resolution": False,
    }
    return {
        "": repository,
        "/actions/oidc/customization/sub": {"use_default": True, "sub_claim_prefix": "repo:octocat@1/Hello-World@2"},
        "/actions/permissions/workflow": {
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": True,
        },
        "/actions/secrets": {"total_count": 0, "secrets": []},
        "/actions/variables": {"total_count": 2, "variables": named("AWS_DEPLOY_ROLE", "AWS_PREVIEW_ROLE")},
        "/environments/production": environment,
        "/environments/production/deployment-branch-policies": {
            "total_count": 1,
            "branch_policies": [{"id": 1, "node_id": "x", "name": "main", "type": "branch"}],
        },
        "/environments/preview/secrets": {"total_count": 2, "secrets": named(*check_github.PLANETSCALE)},
        "/private-vulnerability-reporting": {"enabled": True},
        "/rules/branches/main": [
            rule("deletion"),
            rule("non_fast_forward"),
            rule("pull_request", **review),
            rule("required_status_checks", required_status_checks=checks, strict_required_status_checks_policy=False),
        ],
    }


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command against these answers; a text is the message of an error. Returns the code and what it prints."""
    program(tmp_path, "gh", GH)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def run(answers: dict[str, Any]) -> tuple[int, str]:
        folder = tmp_path / "answers"
        folder.mkdir()
        for path, answer in answers.items():
            file = folder / f"get{path.replace('/', '_')}"
            if isinstance(answer, str):
                file.with_name(f"{file.name}.error").write_text(answer)
                continue
            assert github_contract.errors(path, answer) == []
            file.write_text(json.dumps(answer))
        return check_github.run(argparse.Namespace()), capsys.readouterr().out

    return run


def test_a_settled_repository_lacks_nothing_and_learns_the_subject_to_trust(check: Any) -> None:
    code, printed = check(settled())
    assert code == 0
    assert "Nothing is missing." in printed
    assert "Subject of the roles' trust policies: repo:octocat@1/Hello-World@2:environment:production" in printed


POLICIES = "/environments/production/deployment-branch-policies"
NEW: dict[str, Any] = {
    "/environments/production": "Not Found (HTTP 404)",
    "/rules/branches/main": [],
    "/actions/permissions/workflow": {
        "default_workflow_permissions": "write",
        "can_approve_pull_request_reviews": False,
    },
    "/actions/variables": {"total_count": 0, "variables": []},
    "/environments/preview/secrets": "Not Found (HTTP 404)",
    "/private-vulnerability-reporting": {"enabled": False},
}


def test_a_new_repository_is_told_everything(check: Any) -> None:
    code, printed = check(settled() | NEW)
    assert code == 1
    for expected in (
        "missing   environment production: it doesn't exist.",
        "missing   branch main: anyone who may push can deploy. Require a pull request",
        "missing   branch main: require the checks check, mysql, image, infra",
        "missing   branch main: block force pushes",
        "missing   branch main: restrict deletions",
        "missing   workflow permissions: allow GitHub Actions to create pull requests",
        "advised   workflow permissions: choose read-only",
        "advised   variable AWS_DEPLOY_ROLE: until it names a role, deployments are skipped.",
        "advised   security reports: turn on private vulnerability reporting",
    ):
        assert expected in printed
    assert "environment preview" not in printed  # no role, no previews, no secrets


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"/environments/production": {"deployment_branch_policy": None}}, "environment production: every branch may use it."),
        (
            {"/environments/production": {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": False}}},
            "environment production: every protected branch may use it.",
        ),
        (
            {POLICIES: {"total_count": 2, "branch_policies": [{"name": one, "type": "branch"} for one in ("main", "v*")]}},
            "environment production: others may use it too: branch v*.",
        ),
        (
            {POLICIES: {"total_count": 2, "branch_policies": [{"name": "main", "type": one} for one in ("branch", "tag")]}},
            "environment production: others may use it too: tag main.",
        ),
        ({POLICIES: {"total_count": 0, "branch_policies": []}}, "environment production: main may not use it."),
        ({"/actions/secrets": {"total_count": 1, "secrets": named("UPDATE_TOKEN")}}, "secret UPDATE_TOKEN: delete it"),
        (
            {"/actions/secrets": {"total_count": 1, "secrets": named(check_github.PLANETSCALE[0])}},
            "secrets PLANETSCALE_SERVICE_TOKEN: every branch's workflows can read them.",
        ),
        (
            {"/environments/preview/secrets": {"total_count": 0, "secrets": []}},
            "environment preview: previews have no database without its secrets.",
        ),
        (
            {"/actions/oidc/customization/sub": {"use_default": False, "include_claim_keys": ["repo"]}},
            "OIDC subject: it is customized",
        ),
        (
            {"/rules/branches/main": FREE_PLAN, "/branches/main/protection": FREE_PLAN},
            "branch main: anyone who may push can deploy. GitHub has this for private repositories only in paid plans",
        ),
    ],
)  # fmt: skip
def test_each_way_in_is_named_and_fails(check: Any, changed: dict[str, Any], expected: str) -> None:
    answers = settled()
    for path, value in changed.items():
        answers[path] = answers[path] | value if path == "/environments/production" else value
    code, printed = check(answers)
    assert code == 1
    assert f"missing   {expected}" in printed
    assert printed.count("missing   ") == 1


def test_the_older_branch_protection_counts_too(check: Any) -> None:
    protection = {
        "required_status_checks": {"contexts": list(check_github.CHECKS), "checks": []},
        "required_pull_request_reviews": {"dismiss_stale_reviews": True, "require_code_owner_reviews": True},
        "allow_force_pushes": {"enabled": False},
        "allow_deletions": {"enabled": False},
    }
    assert check(settled() | {"/rules/branches/main": [], "/branches/main/protection": protection})[0] == 0


def test_reviewers_are_advised_because_not_every_plan_has_them(check: Any) -> None:
    answers = settled()
    answers["/environments/production"]["protection_rules"] = []
    code, printed = check(answers)
    assert (code, "advised   environment production: require reviewers" in printed) == (0, True)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"": "Not Found (HTTP 404)"}, "The repository can't be read"),
        ({"": "Bad credentials (HTTP 401)"}, "gh api failed: gh: Bad credentials"),
        ({"/actions/permissions/workflow": "Server Error (HTTP 502)"}, "gh api failed: gh: Server Error"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_not_a_pass(check: Any, changed: dict[str, str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        check(settled() | changed)


def test_only_an_administrator_can_check(check: Any) -> None:
    answers = settled()
    answers[""]["permissions"]["admin"] = False
    with pytest.raises(UsageError, match="Only an administrator of octocat/Hello-World can read its settings"):
        check(answers)


def test_without_gh_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        UsageError, match=r"gh, is not installed\. Install it: https://cli\.github\.com, then: gh auth login"
    ):
        check_github.run(argparse.Namespace())


def test_the_checks_are_the_jobs_of_the_workflow() -> None:
    assert tuple(workflows(TEMPLATE)["check"]["jobs"]) == check_github.CHECKS
