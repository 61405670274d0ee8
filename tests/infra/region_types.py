"""Print which CloudFormation types a region lacks, as JSON. Runs in an environment with cfn-lint.

usage: region_types.py REGION ... TYPE ...
"""

import json
import sys

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-not-found]

regions = [word for word in sys.argv[1:] if "::" not in word]
types = {word for word in sys.argv[1:] if "::" in word}
print(
    json.dumps({region: sorted(types - set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region))) for region in regions})
)
