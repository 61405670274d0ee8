"""Merge `infra/sam/own.yaml`, the user's part, into the template's, and the template's own `parts/cdn.yaml`.

A section's entries are added. A resource without a Type changes the template's: mappings are merged key by key, everything
else is replaced, lists included. Variables of `Globals` are added to tasks, too, which run the same image.
"""

from typing import Any

import yaml

SECTIONS = ("Parameters", "Mappings", "Conditions", "Globals", "Resources", "Outputs")


class OwnError(Exception):
    """Something in own.yaml is wrong; the message says what, and how to fix it."""


def merge(template: str, part: str, *, own: bool = True) -> str:
    """Return the template's text with a part; the text itself if that has nothing.

    own: whether the part is the user's, whose entries may not replace the template's. Raises `OwnError` then.
    """
    mine = _parse(part)
    if not mine:
        return template
    merged = yaml.load(template, _Loader)  # noqa: S506 - a safe loader
    for section, entries in mine.items():
        if own:
            _check(section, entries, merged.get(section, {}))
        merged[section] = _over(merged.get(section, {}), entries)
    _add_to_tasks(merged, mine)
    return yaml.dump(merged, Dumper=yaml.SafeDumper, sort_keys=False, allow_unicode=True, width=1000)


def _parse(own: str) -> dict[str, Any]:
    try:
        sections = yaml.load(own, _Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise OwnError(f"It is not valid YAML: {error}") from None
    if not isinstance(sections, dict | None):
        raise OwnError("It must be a mapping of sections, such as “Resources:” on a line of its own.")
    for section, entries in (sections or {}).items():
        if section not in SECTIONS:
            raise OwnError(f"Unknown section “{section}”. Use {', '.join(SECTIONS[:-1])} or {SECTIONS[-1]}.")
        if not isinstance(entries, dict | None):
            raise OwnError(f"{section} must be a mapping of names, such as “Uploads:” on a line of its own.")
    return {section: entries for section, entries in (sections or {}).items() if entries}


def _check(section: str, mine: dict[str, Any], templates: dict[str, Any]) -> None:
    if section == "Resources":
        _check_resources(mine, templates)
    elif section != "Globals" and (taken := mine.keys() & templates.keys()):
        raise OwnError(f"{section} has {_listed(taken)}, which is the template's own. Use another name.")


def _check_resources(mine: dict[str, Any], templates: dict[str, Any]) -> None:
    for id, resource in mine.items():
        if not isinstance(resource, dict):
            raise OwnError(f"{id} must be a mapping with Type and Properties.")
        kind, known = resource.get("Type"), templates.get(id, {}).get("Type")
        if not kind and not known:
            raise OwnError(f"{id} has no Type, and the template has no resource of that id to change. Add a Type.")
        if kind and known:
            raise OwnError(f"{id} is the template's {known}. Use another id for your own, or no Type to change it.")


def _over(below: Any, above: Any) -> Any:
    """The user's value above the template's; an empty one changes nothing."""
    if above is None:
        return below
    if not (isinstance(below, dict) and isinstance(above, dict)) or _is_function(below) or _is_function(above):
        return above
    return below | {key: _over(below.get(key), value) for key, value in above.items()}


def _is_function(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def _add_to_tasks(template: dict[str, Any], mine: dict[str, Any]) -> None:
    variables: Any = mine
    for key in ("Globals", "Function", "Environment", "Variables"):
        variables = variables.get(key) or {}
        if not isinstance(variables, dict):
            raise OwnError(f"{key} in Globals must be a mapping, as in parts/main.yaml.")
    [container] = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    kept = [entry for entry in container["Environment"] if entry["Name"] not in variables]
    container["Environment"] = [*kept, *({"Name": name, "Value": value} for name, value in variables.items())]


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms, such as !Ref, as the long ones, and refuses a key that stands twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"“{key.value}” is there twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)

    def construct_function(self, name: str, node: Any) -> dict[str, Any]:
        if isinstance(node, yaml.MappingNode):
            value: Any = self.construct_mapping(node, deep=True)
        elif isinstance(node, yaml.SequenceNode):
            value = self.construct_sequence(node, deep=True)
        else:
            value = self.construct_scalar(node)
        if name == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _Loader.construct_function)
