"""The zones of the tasks' subnets, as Terraform chooses them; CloudFormation's GetAZs names no Local Zones.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html
"""

import json
import re
from pathlib import Path

import terraform
from cases import CASES, run
from normalize import AwsNames

import parts
from rendering import TEMPLATE

LATER = """
run "later" {
  command = plan

  override_data {
    target = data.aws_availability_zones.available
    values = { names = ["zone-00", "zone-0", "zone-1", "zone-2"] }
  }

  assert {
    condition     = join(" ", aws_subnet.public[*].availability_zone) == "zone-0 zone-1"
    error_message = "a subnet moves"
  }
}
"""


def test_a_zone_that_is_added_later_changes_no_subnet(tmp_path: Path) -> None:
    parts.program("terraform")
    case = next(case for case in CASES if "vpc_id" not in case.settings)
    app = case.app(tmp_path, "terraform")
    here, manifest = app / "infra" / "terraform", json.loads(app.joinpath("jobs.json").read_text(encoding="utf-8"))
    mocks = terraform.mocks(
        here, manifest, case.resource_prefix, AwsNames(case.region), own_network=True, uploads=False
    )
    here.joinpath("zones.tftest.hcl").write_text(mocks + LATER, encoding="utf-8")
    here.joinpath("given.auto.tfvars.json").write_text(f'{{"stage": "{case.stage}", "image": "{case.image}"}}')
    run("terraform", "init", "-backend=false", "-input=false", cwd=here)
    assert "2 passed, 0 failed" in run("terraform", "test", cwd=here)


def test_zones_that_an_account_opts_into_are_not_used() -> None:
    text = TEMPLATE.joinpath("infra/terraform/network.tf").read_text(encoding="utf-8")
    data = re.search(r'^data "aws_availability_zones" .*?^}', text, re.MULTILINE | re.DOTALL)
    assert data
    assert re.search(r'name += "opt-in-status"\s+values = \["opt-in-not-required"\]', data[0])
