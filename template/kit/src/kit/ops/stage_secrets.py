"""The app's secrets of a stage: one encrypted SSM parameter with a JSON object, so that a start reads it in one call.

Its tags have the secrets' names and when they were stored, so that listing them reads no value.
"""

import json
from typing import Any

from kit import clock, generated_secrets, settings
from kit.base_settings import Setting
from kit.errors import UsageError
from kit.ops.stage import Stage

MAX_BYTES = 8192
"""The most that an advanced parameter holds. Source: docs.aws.amazon.com/general/latest/gr/ssm.html"""


def declared() -> dict[str, Setting]:
    """Return the secrets that app/settings.py declares, by their variables."""
    app = settings.of_app()
    return {each.variable: each for each in (app.declared.values() if app else ()) if each.is_secret}


class StageSecrets:
    """The secrets of one stage."""

    def __init__(self, ssm: Any, stage: Stage) -> None:
        self.ssm, self.stage = ssm, stage
        self.parameter = f"/{stage.project}/{stage.name}/secrets"

    def names(self) -> dict[str, str]:
        """Return the stored secrets' names, each with the day on which it was stored; no value is read."""
        try:
            tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=self.parameter)["TagList"]
        except self.ssm.exceptions.InvalidResourceId:
            return {}
        return {tag["Key"]: tag["Value"] for tag in tags}

    def store(self, name: str, value: str) -> None:
        """Store a secret beside the others; raises `UsageError` if they don't fit into the parameter."""
        self._change(lambda values: values | {name: value})
        self._tag(name)

    def rotate(self, name: str) -> None:
        """Put a new key before the current one, which still verifies what it has signed; an older one is deleted."""
        new = generated_secrets.new()
        self._change(lambda values: values | {name: ",".join([new, *values.get(name, "").split(",")[:1]]).strip(",")})
        self._tag(name)

    def delete(self, name: str) -> None:
        """Delete a secret; one that isn't stored is ignored."""
        self._change(lambda values: {other: value for other, value in values.items() if other != name})
        self.ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=self.parameter, TagKeys=[name])

    def copy_from(self, other: "StageSecrets") -> None:
        """Replace all secrets by those of another stage."""
        values, _ = other._read(other.parameter)
        if not values:
            return
        self._change(lambda _: values)
        tags = [{"Key": name, "Value": day} for name, day in other.names().items()]
        self.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=self.parameter, Tags=tags)

    def delete_all(self) -> None:
        """Delete the parameter."""
        try:
            self.ssm.delete_parameter(Name=self.parameter)
        except self.ssm.exceptions.ParameterNotFound:
            return

    def _change(self, change: Any) -> None:
        """Write the parameter; what someone else wrote since it was read is merged, so that nothing is lost."""
        values, version = self._read(self.parameter)
        while True:
            text = json.dumps(change(values), sort_keys=True, ensure_ascii=False)
            if (size := len(text.encode())) > MAX_BYTES:
                raise UsageError(
                    f"The secrets of {self.stage.name} would have {size:,} bytes; the limit is {MAX_BYTES:,}. Nothing was "
                    "stored. Put a long one into Secrets Manager, and declare its ARN as a setting (kit.secrets.read)."
                )
            response = self.ssm.put_parameter(
                Name=self.parameter, Value=text, Type="SecureString", Overwrite=True, Tier="Intelligent-Tiering"
            )
            if response["Version"] == version + 1:
                return
            version = response["Version"]
            values, _ = self._read(f"{self.parameter}:{version - 1}")

    def _tag(self, name: str) -> None:
        tag = {"Key": name, "Value": clock.now().date().isoformat()}
        self.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=self.parameter, Tags=[tag])

    def _read(self, parameter: str) -> tuple[dict[str, str], int]:
        try:
            found = self.ssm.get_parameter(Name=parameter, WithDecryption=True)["Parameter"]
        except self.ssm.exceptions.ParameterNotFound:
            return {}, 0
        return json.loads(found["Value"]), found["Version"]
