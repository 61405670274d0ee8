"""`make infra-audit`, without AWS: a finding that is not accepted fails it, and each one that is accepted still occurs."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from apps import render
from cases import OWN
from tools import TOOLS_CACHE, WITH_EVENTS, environment, turn_cdn_on

import parts
from rendering import TEMPLATE

INFRA = TEMPLATE / "infra"
BUCKET = {
    "cdk": """
    import aws_cdk as cdk
    from aws_cdk import aws_s3 as s3

    bucket = s3.Bucket(stack, "OwnBucket")
    accepted = cdk.Acknowledgment(id="AwsSolutions::AwsSolutions-S1", reason="nobody reads a log of accesses")
    cdk.Validations.of(bucket).acknowledge(accepted)
""",
    "sam": """
Resources:
  OwnBucket:
    Type: AWS::S3::Bucket
    Metadata: { checkov: { skip: [{ id: CKV_AWS_18, comment: nobody reads a log of accesses }] } }
""",
    "terraform": """
resource "aws_s3_bucket" "own" {
  #checkov:skip=CKV_AWS_18: nobody reads a log of accesses
}
""",
}
"""In the user's own file, with several findings, of which one is accepted as kit/docs/infrastructure.md says."""


def audit(folder: Path, iac: str, **variables: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Audit an app that has every kind of resource, a CDN, and a bucket of its own."""
    app = render(folder / "my-app", iac=iac)
    app.joinpath("jobs.json").write_text(json.dumps(WITH_EVENTS), encoding="utf-8")
    turn_cdn_on(app, iac)
    with app.joinpath(OWN[iac]).open("a", encoding="utf-8") as own:
        own.write(BUCKET[iac])
    command = ["make", "--no-print-directory", "infra-audit"]
    done = subprocess.run(command, cwd=app, env=environment() | variables, capture_output=True, text=True, timeout=400)
    return app, done


@pytest.mark.parametrize(("iac", "framework"), [("sam", "cloudformation"), ("terraform", "terraform")])
def test_each_finding_of_checkov_is_accepted_with_a_reason(tmp_path: Path, iac: str, framework: str) -> None:
    """In one run, which shows what is accepted, too; the rest of the configuration file is in force."""
    _, done = audit(tmp_path, iac, ARGS="--skip-check none --output json")
    report = json.loads(done.stdout)
    assert report["check_type"] == framework
    failed = {(check["check_id"], check["resource"].rpartition(".")[0]) for check in report["results"]["failed_checks"]}
    of_own = {check for check, kind in failed if "bucket" in kind.lower()}
    assert done.returncode != 0
    assert "CKV_AWS_21" in of_own
    assert "CKV_AWS_18" not in of_own

    text = INFRA.joinpath(iac, ".checkov.yaml").read_text(encoding="utf-8")
    accepted = yaml.safe_load(text)["skip-check"]
    assert sorted({check for check, kind in failed if "bucket" not in kind.lower()}) == sorted(accepted)
    assert re.findall(r"^  - (\S+) # .{20,}$", text, re.MULTILINE) == accepted, "a reason in the same line"
    assert not of_own & set(accepted)


def test_each_finding_of_cdk_nag_is_accepted_with_a_reason(tmp_path: Path) -> None:
    parts.program("npx")
    app, done = audit(tmp_path, "cdk", UV_PROJECT_ENVIRONMENT=str(TOOLS_CACHE / "cdk"))
    assert done.returncode != 0
    assert "Acknowledge with 'AwsSolutions::AwsSolutions-S10'" in done.stdout + done.stderr
    written = app / "infra" / "cdk" / "cdk.out"
    [report] = json.loads(written.joinpath("validation-report.json").read_text(encoding="utf-8"))["pluginReports"]
    findings = {
        (one["ruleName"], construct["constructPath"])
        for one in report["violations"]
        for construct in one["violatingConstructs"]
    }
    assert findings == {("AwsSolutions-S10", "my-app-prod/OwnBucket/Resource")}

    metadata = json.loads(written.joinpath("my-app-prod.metadata.json").read_text(encoding="utf-8"))
    accepted = {
        (path.removeprefix("/"), rule): reason
        for path, entries in metadata.items()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for rule, reason in entry["data"].items()
        if rule.startswith("AwsSolutions::")
    }
    found = {(one["acknowledgedAt"], one["acknowledgedId"]): one["reason"] for one in report["suppressedViolations"]}
    assert found == accepted
    assert all(len(reason) > 20 for reason in accepted.values())
