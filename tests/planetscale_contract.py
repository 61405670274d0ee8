"""PlanetScale's API contract: the paths and schemas that the kit relies on, taken from PlanetScale's OpenAPI document.

`planetscale_openapi/openapi.json` is a reduced copy: the operations in OPERATIONS, the schema of their success, and the
service token accesses that their descriptions list. Its `x-source` names repository, commit and date. To see what
changed upstream since, or to take it over:

    python tests/planetscale_contract.py path/to/openapi.yaml
    python tests/planetscale_contract.py path/to/openapi.yaml --write --commit SHA --date 2026-08-18
"""

import argparse
import difflib
import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator

COPY = Path(__file__).parent / "planetscale_openapi" / "openapi.json"
SOURCE = "https://github.com/planetscale/terraform-provider-planetscale/blob/main/schemas/openapi.yaml"
DATABASE = "/organizations/{organization}/databases/{database}"
OPERATIONS = {
    "": ["get"],
    "/branches": ["get", "post"],
    "/branches/{branch}": ["get", "delete"],
    "/branches/{branch}/schema": ["get"],
    "/branches/{branch}/passwords": ["get", "post"],
    "/branches/{branch}/passwords/{id}": ["delete"],
    "/deploy-requests": ["get", "post"],
    "/deploy-requests/{number}": ["get", "patch"],
    "/deploy-requests/{number}/deploy": ["post"],
    "/deploy-requests/{number}/complete-deploy": ["post"],
    "/deploy-requests/{number}/skip-revert": ["post"],
}
SHARE_FROM = 2_000
"""Characters from which a schema that occurs more than once is kept once, under `components`."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    document: dict[str, Any]

    @property
    def accesses(self) -> set[str]:
        """The service token accesses of which one is enough."""
        return set(self.document["x-service-token-accesses"])

    @property
    def query(self) -> set[str]:
        """The names of the query's parameters."""
        return set(self.document["x-query"])

    @property
    def success(self) -> tuple[int, Any]:
        """The status of success, and its schema; None for an empty body."""
        [(status, schema)] = self.document["responses"].items()
        return int(status), schema

    @functools.cached_property
    def _texts(self) -> tuple[str, str]:
        """The schemas of its success and of its request, as the cache of verdicts wants them."""
        request = self.document.get("requestBody") or {"type": "object", "properties": {}}
        return json.dumps(self.success[1]), json.dumps(request)

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{\w+\}", "([^/]+)", self.path))

    def names(self, path: str) -> list[str] | None:
        """The values of the placeholders in a path, or None if it is another one."""
        match = self._pattern.fullmatch(path)
        return list(match.groups()) if match else None

    def refusals(self, body: Any) -> list[str]:
        """What the schema of its success refuses of a body."""
        return _refusals(self._texts[0], body)

    def request_refusals(self, body: dict[str, Any], query: dict[str, str]) -> list[str]:
        """What the contract refuses of a request: unknown fields too, which OpenAPI itself would let pass."""
        properties = self.document.get("requestBody", {}).get("properties", {})
        unknown = sorted((body.keys() - properties.keys()) | (query.keys() - self.query))
        return [f"unknown: {name}" for name in unknown] + _refusals(self._texts[1], body)


class Contract:
    """The reduced copy."""

    def __init__(self) -> None:
        self.document = json.loads(COPY.read_text(encoding="utf-8"))

    @functools.cached_property
    def operations(self) -> list[Operation]:
        """All of them."""
        return [
            Operation(method.upper(), path, document)
            for path, methods in self.document["paths"].items()
            for method, document in methods.items()
        ]

    @functools.cached_property
    def deployment_states(self) -> list[str]:
        """The states that a deploy request's deployment can be in."""
        request = self.example(self.operation("GET", "/deploy-requests/{number}").success[1], enums=True)
        states: list[str] = request["deployment_state"]
        return states

    def operation(self, method: str, path: str) -> Operation:
        """The operation of a path with its placeholders."""
        return next(one for one in self.operations if (one.method, one.path) == (method, path))

    def match(self, method: str, path: str) -> tuple[Operation, list[str]] | None:
        """The operation that a request's path below the database belongs to, and the values of its placeholders."""
        for one in self.operations:
            if one.method == method and (names := one.names(path)) is not None:
                return one, names
        return None

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema, or the one that it refers to."""
        return _resolved(self.document, schema)

    @functools.cache  # noqa: B019  # there is one contract
    def _blank(self, method: str, path: str) -> str:
        return json.dumps(self.example(self.operation(method, path).success[1]))

    def blank(self, method: str, path: str) -> Any:
        """The plainest success of an operation, the caller's to fill in."""
        return json.loads(self._blank(method, path))

    def example(self, schema: Any, *, enums: bool = False) -> Any:
        """The plainest value that a schema allows, with every field that it requires."""
        schema = _resolved(self.document, schema)
        if "enum" in schema:
            return schema["enum"] if enums else schema["enum"][0]
        if schema.get("nullable"):
            return None
        match schema.get("type"):
            case "object":
                properties = schema.get("properties", {})
                return {name: self.example(properties[name], enums=enums) for name in schema.get("required", [])}
            case "array":
                return []
            case "boolean":
                return False
            case "integer" | "number":
                return 0
        return "2026-01-31T12:00:00.000Z" if "When" in schema.get("description", "") else "x"


@functools.cache
def contract() -> Contract:
    """The contract, read once."""
    return Contract()


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference: str | None = schema.get("$ref")
    return document["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema


def _refusals(schema: str, body: Any) -> list[str]:
    if schema == "null":
        return [] if body is None else [f"a body where there is none: {body!r}"]
    return list(_verdict(schema, json.dumps(body)))


@functools.cache
def _validator(schema: str) -> Any:
    return OAS30Validator({**json.loads(schema), "components": contract().document["components"]})


@functools.lru_cache(10_000)
def _verdict(schema: str, body: str) -> tuple[str, ...]:
    """The same body is not validated twice: a request that is polled rarely changes."""
    return tuple(f"{error.json_path}: {error.message}" for error in _validator(schema).iter_errors(json.loads(body)))


def reduce(upstream: dict[str, Any]) -> dict[str, Any]:
    """What is kept of the OpenAPI document."""
    paths: dict[str, Any] = {}
    for path, methods in OPERATIONS.items():
        for method in methods:
            operation = upstream["paths"][DATABASE + path][method]
            [(status, success)] = [item for item in operation["responses"].items() if item[0].startswith("2")]
            kept = {
                "x-service-token-accesses": _accesses(operation.get("description", "")),
                "x-query": [one["name"] for one in operation["parameters"] if one["in"] == "query"],
                "responses": {status: _schema(upstream, success)},
            }
            if "requestBody" in operation:
                kept["requestBody"] = _schema(upstream, operation["requestBody"])
            paths.setdefault(path, {})[method] = kept
    return _shared(paths)


def _accesses(description: str) -> list[str]:
    """A description lists them under `**Service Token Accesses**`, each in backticks."""
    _, _, listed = description.partition("**Service Token Accesses**")
    return re.findall(r"`(\w+)`", listed.partition("**OAuth Scopes**")[0])


def _schema(upstream: dict[str, Any], holder: dict[str, Any]) -> Any:
    content = holder.get("content", {}).get("application/json")
    return _plain(upstream, content["schema"]) if content else None


def _plain(upstream: dict[str, Any], schema: Any) -> Any:
    """The schema with its references resolved; of the descriptions only those of times are kept, for the examples."""
    if isinstance(schema, list):
        return [_plain(upstream, one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = _resolved(upstream, schema)
    kept = {name: _plain(upstream, value) for name, value in schema.items() if name != "description"}
    if isinstance(text := schema.get("description"), dict):
        kept["description"] = _plain(upstream, text)  # a property of that name
    elif isinstance(text, str) and text.startswith("When"):
        kept["description"] = "When"
    return kept


def _shared(paths: dict[str, Any]) -> dict[str, Any]:
    """Keep each large schema once."""
    schemas: dict[str, Any] = {}

    def share(value: Any) -> Any:
        if isinstance(value, list):
            return [share(one) for one in value]
        if not isinstance(value, dict):
            return value
        shared = {name: share(one) for name, one in value.items()}
        text = json.dumps(value, sort_keys=True)
        if value.get("type") == "object" and len(text) > SHARE_FROM:
            name = f"s{hashlib.sha256(text.encode()).hexdigest()[:8]}"
            schemas[name] = shared
            return {"$ref": f"#/components/schemas/{name}"}
        return shared

    return {"paths": share(paths), "components": {"schemas": dict(sorted(schemas.items()))}}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Say what changed upstream; `--write` takes it over."""
    import yaml

    parser = argparse.ArgumentParser(description="Compare the copy of PlanetScale's contract with a newer openapi.yaml")
    parser.add_argument("openapi", type=Path)
    parser.add_argument("--write", action="store_true", help="take it over")
    parser.add_argument("--commit", default="", help="with --write: the commit that it is from")
    parser.add_argument("--date", default="", help="with --write: the date of that commit")
    arguments = parser.parse_args()
    newer = reduce(yaml.load(arguments.openapi.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    if arguments.write:
        source = {
            "file": SOURCE,
            "commit": arguments.commit,
            "date": arguments.date,
            "license": "Apache-2.0, see LICENSE beside this file; copyright PlanetScale, Inc.",
            "changes": "reduced by tests/planetscale_contract.py to the operations that the kit calls",
        }
        COPY.write_text(_text(newer | {"x-source": source}), encoding="utf-8")
        return
    older = {name: value for name, value in contract().document.items() if name != "x-source"}
    changes = difflib.unified_diff(
        _text(older).splitlines(), _text(newer).splitlines(), "copy", "upstream", lineterm=""
    )
    print("\n".join(changes) or "Nothing changed.")


if __name__ == "__main__":
    main()
