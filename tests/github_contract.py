"""GitHub's API contract: the answers that `make check-github` reads, as GitHub's OpenAPI document describes them.

`github_openapi/openapi.json` is a reduced copy of the document in the npm package @octokit/openapi, whose license is
beside it: for each path the schema of the answer, and GitHub's own example of one. To write it anew:

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python tests/github_contract.py package/generated/api.github.com.json
"""

import copy
import functools
import json
import re
import sys
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator

COPY = Path(__file__).parent / "github_openapi" / "openapi.json"
PATHS = (
    "",
    "/actions/oidc/customization/sub",
    "/actions/permissions/workflow",
    "/actions/secrets",
    "/actions/variables",
    "/branches/{branch}/protection",
    "/environments/{environment_name}",
    "/environments/{environment_name}/deployment-branch-policies",
    "/environments/{environment_name}/secrets",
    "/private-vulnerability-reporting",
    "/rules/branches/{branch}",
)
"""Paths below a repository's, of which the answer to GET counts."""


def reduced(document: dict[str, Any]) -> dict[str, Any]:
    """The document's schemas and examples of PATHS, and the schemas that they refer to."""
    answers, examples = {}, {}
    for path in PATHS:
        responses = document["paths"][f"/repos/{{owner}}/{{repo}}{path}"]["get"]["responses"]
        content = responses["200"]["content"]["application/json"]
        answers[path] = without_words(content["schema"])
        example = next(iter(content["examples"].values()))
        name = example.get("$ref", "").rpartition("/")[2]
        examples[path] = (document["components"]["examples"][name] if name else example)["value"]
    schemas: dict[str, Any] = {}
    waiting = names(answers)
    while waiting:
        name = waiting.pop()
        if name not in schemas:
            schemas[name] = without_words(document["components"]["schemas"][name])
            waiting |= names(schemas[name])
    source = f"npm: @octokit/openapi {document['info']['version']}"
    components = {"schemas": dict(sorted(schemas.items()))}
    return {"x-source": source, "answers": answers, "examples": examples, "components": components}


def names(schema: Any) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(schema)))


def without_words(schema: Any) -> Any:
    """A schema without what explains it, and what only a documentation shows."""
    if isinstance(schema, list):
        return [without_words(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: without_words(one) for name, one in value.items()}
        elif key not in {"title", "description", "example", "examples", "deprecated"} and not key.startswith("x-"):
            kept[key] = without_words(value)
    return kept


@functools.cache
def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(COPY.read_text(encoding="utf-8"))
    return read


def pattern(path: str) -> str:
    """The path of PATHS that a request's path fits."""
    (found,) = [one for one in PATHS if re.fullmatch(re.sub(r"\\?\{\w+\\?\}", "[^/]+", one), path)]
    return found


def example(path: str) -> Any:
    """GitHub's example of an answer."""
    return copy.deepcopy(document()["examples"][path])


def errors(path: str, answer: Any) -> list[str]:
    """What GitHub's schema of the answer to a GET of this path says against it."""
    validator = OAS30Validator(document()["answers"][pattern(path)] | {"components": document()["components"]})
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(answer)]


if __name__ == "__main__":
    COPY.parent.mkdir(exist_ok=True)
    text = json.dumps(reduced(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), separators=(",", ":"))
    COPY.write_text(f"{text}\n", encoding="utf-8")
