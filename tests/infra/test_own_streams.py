"""The stream of an own table starts jobs: each tool takes its ARN from where the user's own infrastructure sets it.

With CDK, tests/infra/test_check.py looks at it in what `make infra-check` synthesizes.
"""

from pathlib import Path

import pytest
from cases import EACH, produced
from own_table import ARN, OwnTable, require_read


@pytest.mark.parametrize(
    ("iac", "stream"), [("sam", "OrdersTable.StreamArn"), ("terraform", ARN)], ids=["sam", "terraform"]
)
def test_the_stream_of_an_own_table_is_read(tmp_path: Path, iac: str, stream: str) -> None:
    case = OwnTable("own table")
    require_read(produced(iac, case, EACH[iac](case, tmp_path)).describe(), stream)
