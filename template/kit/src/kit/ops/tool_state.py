"""Where Terraform keeps its state: the backend "s3" of infra/terraform, for the policy that allows reading and writing it."""

import re
from dataclasses import dataclass
from typing import Self

from kit.errors import UsageError
from kit.ops.stage import PROJECT


@dataclass(frozen=True)
class ToolState:
    """An object in S3 for each workspace: <prefix>/<workspace>/<key>.

    Source: developer.hashicorp.com/terraform/language/backend/s3
    """

    bucket: str
    key: str
    workspace_key_prefix: str = "env:"

    @property
    def variables(self) -> dict[str, str]:
        """The values by their names in a policy."""
        return {"StateBucket": self.bucket, "StateKey": self.key, "StatePrefix": self.workspace_key_prefix}

    @classmethod
    def of(cls, text: str) -> Self:
        """Read the settings of a file; they are literals, as a backend supports no others."""
        found = re.findall(r'^\s*(bucket|key|workspace_key_prefix)\s*=\s*"([^"]+)"', text, re.MULTILINE)
        try:
            return cls(**dict(found))
        except TypeError:
            raise UsageError('The backend "s3" of infra/terraform needs a bucket and a key.') from None


def read() -> ToolState:
    """The state of this project; raises `UsageError` when it is not in S3."""
    for path in sorted((PROJECT / "infra" / "terraform").glob("*.tf")):
        text = path.read_text(encoding="utf-8")
        if re.search(r'^\s*backend "s3"', text, re.MULTILINE):
            return ToolState.of(text)
    raise UsageError(
        'Terraform has no backend "s3", so there is no bucket to allow. Add one as described in infra/terraform/README.md; '
        "with another kind of backend, this policy is not needed."
    )
