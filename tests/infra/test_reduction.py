"""The descriptions have no blind spots: every value that a tool writes is changed, and each change is noticed.

What no description tells is listed, with the reason; and so is no kind of resource that none knows.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from cases import CASES, OWN, build_case, describe_case
from normalize import compare

import guides
from rendering import TEMPLATE

UNSEEN = {
    "sam": {
        r"Metadata\.": "cfn-lint's configuration",
        r"\.DependsOn": "the order of creation",
        r"\.Tags\.|\.tags\.": "each tool tags resources in its own way",
        r"(Document|Text)\.Version": "of the policies' language, of which there is one",
        r"\.(Managed)?PolicyName": "of a policy that stands in no one's way",
        r"SecurityGroupEgress\.\*\.Description": "a remark",
        r"AllowedOrigins\.\*\.Fn::If\.\*\.Fn::GetAtt": "the case with uploads has a domain",
        r"Cookies\.Fn::If|(Aliases|WebACLId)\.Fn::If\.\*\.Ref|CloudFrontDefaultCertificate|Host\.Fn::If\.\*\.Fn::GetAtt": (
            "the case with a CDN has a domain, cookies and a web ACL"
        ),
        r"PermissionsBoundary\.Fn::If\.\*\.Ref": "the case with a brake has a boundary",
        r"S3OriginConfig\.OriginAccessIdentity": "what the access control replaces, which has to be there",
    },
    "cdk": {
        r"Metadata\.": "CDK's and cfn-lint's configuration",
        r"\.DependsOn": "the order of creation",
        r"\.(Resource)?Tags\.": "each tool tags resources in its own way",
        r"(Document|Text)\.Version": "of the policies' language, of which there is one",
        r"\.PolicyName|\.Sid": "of a role's own policy, which no one names",
        r"SecurityGroupEgress\.\*\.Description": "a remark",
        r"S3OriginConfig\.OriginAccessIdentity": "what the access control replaces, which has to be there",
    },
    "terraform": {
        r"\.(arn|id|region|state|version|maximum_retry_attempts)$": "made up by the mocked provider",
        r"s3_bucket_lifecycle_configuration\.rule\.\*\.prefix$": "made up by the mocked provider; the filter has it",
        r"(s3_bucket|sqs_queue|sns_topic)\.(policy|redrive_policy)$": "made up by the mocked provider, where there is none",
        r"s3_bucket_lifecycle_configuration\.rule\.\*\.(expiration|filter)\.\*\.(expired_object|object_size)": "made up too",
        r"s3_bucket_server_side_encryption_configuration\..*(kms_master_key_id|bucket_key_enabled)$": "made up too",
        r"(iam_role_policy|security_group)\.name$": "CloudFormation makes these names",
        r"security_group_egress_rule\.description$": "a remark",
        r"\.name_prefix$": "so does it that of a security group; the others are made up",
        r"apigatewayv2_integration\.integration_method": "a function is always called by POST",
        r"cloudfront_.*(status|domain_name|_behavior\.\*\.(default|max)_ttl)$|mapping\.function_arn$": "made up too",
        r"ssm_parameter\.(name|type|value)$": "the data source of the origin secret, which is mocked",
        r"origin\.\*\.custom_origin_config\.\*\.https?_port$": "the standard ports, which Terraform wants stated",
        r"restriction_type$|cloudfront_default_certificate$": "the default, which Terraform wants stated",
    },
}
"""What descriptions leave out, and why."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every string, number and boolean."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    elif value is not None:
        yield path


def other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case str():
            return value + "x"
    return value + 1


def is_noticed(iac: str, index: int, document: Any, path: tuple[Any, ...]) -> bool:
    """Whether a changed value makes a different or an invalid description."""
    at = document
    for key in path[:-1]:
        at = at[key]
    kept, at[path[-1]] = at[path[-1]], other(at[path[-1]])
    try:
        return bool(compare(iac, describe_case(iac, index), build_case(iac, index).again().describe()))
    except Exception:  # noqa: BLE001 - a description that fails has noticed
        return True
    finally:
        at[path[-1]] = kept


def chosen(iac: str) -> re.Pattern[str]:
    """Which paths the configuration sets; Terraform's state has others, too."""
    if iac != "terraform":
        return re.compile("")
    text = "".join(path.read_text(encoding="utf-8") for path in (TEMPLATE / "infra" / "terraform").glob("*.tf"))
    text += "".join(block.text.replace("\n+", "\n") for block in guides.blocks("uploads") if block.title == OWN[iac])
    names = "|".join(sorted(set(re.findall(r'^\s+"?(\w+)"?\s+=', text, re.MULTILINE))))
    return re.compile(rf"\.({names})\b")


def blind_spots(iac: str) -> set[str]:
    """The paths at which a change goes unnoticed in every case that has it."""
    decides, blind, noticed = chosen(iac), {}, set()
    for index in range(len(CASES)):
        for name, (kind, document) in build_case(iac, index).sources().items():
            for path in list(leaves(document)):
                label = ".".join([kind, *("*" if isinstance(key, int) else str(key) for key in path)])
                if not decides.search(label):
                    continue
                if is_noticed(iac, index, document, path):
                    noticed.add((name, path))
                else:
                    blind[name, path] = label
    assert len(noticed) > 300
    return {label for path, label in blind.items() if path not in noticed}


@pytest.mark.parametrize("iac", UNSEEN)
def test_a_change_of_any_word_is_found(iac: str) -> None:
    unseen = blind_spots(iac)
    unlisted = {label for label in unseen if not any(re.search(known, label) for known in UNSEEN[iac])}
    assert not unlisted, "\n".join(sorted(unlisted))
    needless = [known for known in UNSEEN[iac] if not any(re.search(known, label) for label in unseen)]
    assert not needless


@pytest.mark.parametrize("iac", UNSEEN)
@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_every_kind_of_resource_is_described_and_only_task_definitions_outlive_the_stage(iac: str, index: int) -> None:
    assert describe_case(iac, index)["others"] == []
    assert describe_case(iac, index)["kept when all is destroyed"] == [
        "ECS::TaskDefinition: Retain"
    ]  # free; see `limits`
