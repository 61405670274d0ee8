"""What the kit and the documents say of PlanetScale's API, held against its OpenAPI document."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import planetscale_contract
from kit.planetscale import client, production
from kit.planetscale.branches import Branch, Patience, Stopped
from kit.planetscale.client import Client
from planetscale_contract import contract
from planetscale_scene import PROJECT, Scene
from planetscale_server import PlanetScale

TEMPLATE = Path(__file__).parents[1] / "template"


def accesses(text: str) -> set[str]:
    """The accesses in a sentence of the documents."""
    known = set().union(*(operation.accesses for operation in contract().operations))
    return {word for word in re.findall(r"`(\w+)`", text) if word in known}


def documented() -> tuple[set[str], set[str]]:
    """What the workflows' README asks for: for previews, and for production's migrations besides."""
    readme = (TEMPLATE / "kit/docs/github.md").read_text(encoding="utf-8")
    [paragraph] = [line for line in readme.splitlines() if "PLANETSCALE_SERVICE_TOKEN_ID" in line]
    preview, _, migrations = paragraph.partition("Migrations of production")
    return accesses(preview), accesses(preview) | accesses(migrations)


def calls_of_migrations() -> set[tuple[str, str]]:
    """Everything that `make migrate` may call."""
    calls: set[tuple[str, str]] = set()
    for deploy_errors in (None, "Duplicate entry"):
        scene = Scene()
        scene.planetscale.deploy_errors = deploy_errors
        for _ in range(2):
            try:
                scene.run(skip_revert=True)
            except Stopped:
                scene.planetscale.deploy_errors = None
        scene.planetscale.advance(120)
        scene.run(newest="0003", migrate=lambda _: None)
        calls |= scene.planetscale.calls
    return calls


def calls_of_previews() -> set[tuple[str, str]]:
    """Everything that `make preview` and `make preview-end` call."""
    planetscale = PlanetScale()
    client = Client(PROJECT, planetscale.transport, sleep=planetscale.advance)
    branch = Branch(PROJECT, client, "kit-preview-12", Patience("make preview", sleep=planetscale.advance))
    branch.create(production.database(client, PROJECT)["default_branch"])
    for _ in range(2):
        branch.new_url("kit-preview", 3600)
    branch.delete_and_wait()
    return planetscale.calls


def test_every_call_of_the_kit_is_an_operation_of_the_contract_with_the_right_access() -> None:
    operations = {(one.method, re.sub(r"\{\w+\}", "{}", one.path).strip("/")): one for one in contract().operations}
    assert client.ACCESSES.keys() == operations.keys()
    for call, access in client.ACCESSES.items():
        assert access in operations[call].accesses, call


@pytest.mark.parametrize("which", ["previews", "migrations"])
def test_the_documented_accesses_are_those_that_the_calls_need(which: str) -> None:
    calls = calls_of_previews() if which == "previews" else calls_of_migrations()
    listed = documented()[0 if which == "previews" else 1]
    needed = [contract().operation(*call) for call in calls]
    for operation in needed:
        assert operation.accesses & listed, (operation.method, operation.path)
    for access in listed - {"read_database", "read_branch"}:  # others include these two
        assert any(not operation.accesses & (listed - {access}) for operation in needed), f"{access} is not needed"


def test_all_that_is_taken_from_the_contract_is_called() -> None:
    assert calls_of_migrations() | calls_of_previews() == {(one.method, one.path) for one in contract().operations}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"deployment_state": "almost"}, "'almost' is not one of"),
        ({"number": "1"}, "'1' is not of type 'integer'"),
        ({"html_url": None}, "None for not nullable"),
    ],
)
def test_an_answer_that_the_contract_does_not_allow_is_refused(change: dict[str, Any], refused: str) -> None:
    operation = contract().operation("GET", "/deploy-requests/{number}")
    example = contract().example(operation.success[1])
    assert operation.refusals(example) == []
    assert refused in "\n".join(operation.refusals(example | change))
    del example["deployment"]
    assert "'deployment' is a required property" in "\n".join(operation.refusals(example))


def test_a_request_with_an_unknown_field_is_refused() -> None:
    operation = contract().operation("POST", "/branches")
    assert operation.request_refusals({"name": "x"}, {}) == []
    assert operation.request_refusals({"name": "x", "parent": "main"}, {}) == ["unknown: parent"]
    assert operation.request_refusals({}, {"pages": "1"}) == ["unknown: pages", "$: 'name' is a required property"]


def test_the_copy_names_its_source_and_its_licence() -> None:
    source = contract().document["x-source"]
    assert re.fullmatch(r"[0-9a-f]{40}", source["commit"])
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", source["date"])
    assert "Apache-2.0" in source["license"]
    assert (planetscale_contract.COPY.parent / "LICENSE").is_file()


def upstream(folder: Path, **changed: Any) -> Path:
    """An OpenAPI document that reduces to the copy, but for what is changed."""
    document: dict[str, Any] = {"paths": {}, "components": contract().document["components"]}
    for operation in contract().operations:
        status, schema = operation.success
        content = {"content": {"application/json": {"schema": schema}}} if schema else {}
        listed = ", ".join(f"`{access}`" for access in operation.document["x-service-token-accesses"])
        whole: dict[str, Any] = {
            "description": f"**Service Token Accesses**\n {listed}\n\n**OAuth Scopes**\n `read_database`",
            "parameters": [{"in": "query", "name": name} for name in operation.document["x-query"]],
            "responses": {str(status): content, "404": {}},
        }
        if body := operation.document.get("requestBody"):
            whole["requestBody"] = {"content": {"application/json": {"schema": body}}}
        path = planetscale_contract.DATABASE + operation.path
        document["paths"].setdefault(path, {})[operation.method.lower()] = whole
    document["paths"][f"{planetscale_contract.DATABASE}/branches"]["post"] |= changed
    file = folder / "openapi.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


def compared(file: Path) -> str:
    command = [sys.executable, planetscale_contract.__file__, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_script_says_what_changed_upstream(tmp_path: Path) -> None:
    assert compared(upstream(tmp_path)) == "Nothing changed.\n"
    changes = compared(upstream(tmp_path, description="**Service Token Accesses**\n `write_branch`"))
    assert '-     "create_branch",' in changes
    assert '+     "write_branch"' in changes
