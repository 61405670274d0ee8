"""`make check-github`: what the repository's settings on GitHub lack for the pipelines to be safe, and for them to work.

See kit/docs/github.md.
"""

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

from kit.errors import UsageError
from kit.ops import github_api
from kit.ops.github_api import Refused

CHECKS = ("check", "mysql", "image", "infra")
"""The jobs of .github/workflows/check.yml, which a pull request must pass."""
PLANETSCALE = ("PLANETSCALE_SERVICE_TOKEN", "PLANETSCALE_SERVICE_TOKEN_ID")
"""The secrets of previews."""
SUBJECT = "/actions/oidc/customization/sub"
"""Where GitHub says how its tokens name the repository."""
PLAN = "GitHub has this for private repositories only in paid plans (Pro, Team, Enterprise), otherwise for public ones."


class Finding(NamedTuple):
    """Something that a repository lacks."""

    urgent: bool
    """Whether somebody could get in, or a pipeline fails, until it is settled."""
    subject: str
    advice: str


def register(commands: Any) -> None:
    """Add the command."""
    description = "Check the repository's settings on GitHub."
    commands.add_parser("check-github", description=description).set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what is missing and the subject of the roles' trust policies; return 1 if something urgent is."""
    github_api.require()
    repository = github_api.get("")
    if isinstance(repository, Refused):
        raise UsageError(f"The repository can't be read: {repository.message}")
    if not repository.get("permissions", {}).get("admin"):
        raise UsageError(f"Only an administrator of {repository['full_name']} can read its settings.")
    print(f"\n{repository['full_name']}, branch {repository['default_branch']}\n")
    found = sorted(findings(repository), key=lambda finding: not finding.urgent)
    for finding in found:
        print(f"  {'missing' if finding.urgent else 'advised':<9} {finding.subject}: {finding.advice}")
    if not found:
        print("  Nothing is missing.")
    print(f"\nSubject of the roles' trust policies: {subject(repository)}:environment:production\n")
    return 1 if any(finding.urgent for finding in found) else 0


def findings(repository: dict[str, Any]) -> Iterator[Finding]:
    """What the repository, given as GitHub describes it, lacks."""
    branch = repository["default_branch"]
    variables = names(github_api.get("/actions/variables?per_page=30"), "variables")
    yield from production(branch)
    yield from protection(branch)
    yield from workflow_permissions()
    yield from secrets(previews="AWS_PREVIEW_ROLE" in variables)
    if not isinstance(answer := github_api.get(SUBJECT), Refused) and not answer["use_default"]:
        advice = "it is customized, so trust policies must match what it consists of, the environment included."
        yield Finding(True, "OIDC subject", advice)
    for variable, skipped in (("AWS_DEPLOY_ROLE", "deployments"), ("AWS_PREVIEW_ROLE", "previews")):
        if variable not in variables:
            yield Finding(False, f"variable {variable}", f"until it names a role, {skipped} are skipped.")
    reporting = github_api.get("/private-vulnerability-reporting")
    if not repository["private"] and (isinstance(reporting, Refused) or not reporting["enabled"]):
        advice = "turn on private vulnerability reporting (Settings → Advanced Security), which SECURITY.md names."
        yield Finding(False, "security reports", advice)


def production(branch: str) -> Iterator[Finding]:
    """Who may use the environment whose jobs take production's role."""
    subject = "environment production"
    where = f"Settings → Environments → production → Deployment branches: selected branches, {branch} alone"
    environment = github_api.get("/environments/production")
    if isinstance(environment, Refused):
        yield Finding(True, subject, f"it doesn't exist. {where}. {PLAN}")
        return
    policy = environment.get("deployment_branch_policy")
    if not policy:
        yield Finding(True, subject, f"every branch may use it. {where}. {PLAN}")
    elif not policy["custom_branch_policies"]:
        yield Finding(True, subject, f"every protected branch may use it. {where}.")
    else:
        allowed = github_api.get("/environments/production/deployment-branch-policies?per_page=100")["branch_policies"]
        others = [f"{one['type']} {one['name']}" for one in allowed if (one["type"], one["name"]) != ("branch", branch)]
        if others:
            yield Finding(True, subject, f"others may use it too: {', '.join(others)}. {where}.")
        if len(others) == len(allowed):
            yield Finding(True, subject, f"{branch} may not use it. {where}.")
    if not any(rule["type"] == "required_reviewers" for rule in environment.get("protection_rules", [])):
        advice = "require reviewers, so that a second person approves each deployment."
        yield Finding(False, subject, f"{advice} Private repositories need GitHub Enterprise for that.")


def protection(branch: str) -> Iterator[Finding]:
    """What may reach the branch that is deployed; rulesets and the older branch protection both count."""
    rules, classic = github_api.get(f"/rules/branches/{branch}"), github_api.get(f"/branches/{branch}/protection")
    subject = f"branch {branch}"
    if isinstance(rules, Refused):
        yield Finding(True, subject, f"anyone who may push can deploy. {PLAN if rules.needs_plan else rules.message}")
        return
    old: dict[str, Any] = {} if isinstance(classic, Refused) else classic
    types = {rule["type"] for rule in rules}
    required = {
        check["context"]
        for rule in rules
        if rule["type"] == "required_status_checks"
        for check in rule["parameters"]["required_status_checks"]
    } | set(old.get("required_status_checks", {}).get("contexts", []))
    where = f"Settings → Rules → Rulesets, for {branch}"
    if "pull_request" not in types and "required_pull_request_reviews" not in old:
        yield Finding(True, subject, f"anyone who may push can deploy. Require a pull request: {where}.")
    if missing := [check for check in CHECKS if check not in required]:
        yield Finding(True, subject, f"require the checks {', '.join(missing)}: {where}.")
    for rule, setting, advice in (
        ("non_fast_forward", "allow_force_pushes", "block force pushes"),
        ("deletion", "allow_deletions", "restrict deletions"),
    ):
        if rule not in types and old.get(setting, {"enabled": True})["enabled"]:
            yield Finding(True, subject, f"{advice}: {where}.")


def workflow_permissions() -> Iterator[Finding]:
    """What a workflow's token may do."""
    allowed = github_api.get("/actions/permissions/workflow")
    where = "Settings → Actions → General → Workflow permissions"
    if allowed["default_workflow_permissions"] != "read":
        yield Finding(False, "workflow permissions", f"choose read-only for workflows that don't name theirs: {where}.")
    if not allowed["can_approve_pull_request_reviews"]:
        yield Finding(
            True, "workflow permissions", f"allow GitHub Actions to create pull requests, for update: {where}."
        )


def secrets(*, previews: bool) -> Iterator[Finding]:
    """Whether secrets are where only their own environment can use them."""
    everywhere = names(github_api.get("/actions/secrets?per_page=100"), "secrets")
    if "UPDATE_TOKEN" in everywhere:
        advice = "delete it, and the token: update.yml needs none any more, and every branch's workflows can read it."
        yield Finding(True, "secret UPDATE_TOKEN", advice)
    if exposed := [name for name in PLANETSCALE if name in everywhere]:
        advice = "every branch's workflows can read them. Delete them here, and store them in the environment preview."
        yield Finding(True, f"secrets {', '.join(exposed)}", advice)
    kept = names(github_api.get("/environments/preview/secrets?per_page=100"), "secrets") if previews else PLANETSCALE
    if lacking := [name for name in PLANETSCALE if name not in kept]:
        advice = f"Settings → Environments → preview → Environment secrets: {', '.join(lacking)}."
        yield Finding(True, "environment preview", f"previews have no database without its secrets. {advice}")


def names(listed: Any, key: str) -> set[str]:
    """The names in a list of variables or secrets; none where there is no such list."""
    return set() if isinstance(listed, Refused) else {one["name"] for one in listed[key]}


def subject(repository: dict[str, Any]) -> str:
    """How GitHub's tokens name the repository, which the roles must trust."""
    answer = github_api.get(SUBJECT)
    prefix = None if isinstance(answer, Refused) else answer.get("sub_claim_prefix")
    return prefix or f"repo:{repository['full_name']}"
