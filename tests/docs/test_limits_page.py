"""`docs/reference/life-cycle.md` shows the quotas that the server has."""

import re
from dataclasses import astuple
from pathlib import Path

from detent.model.limits import Limits

PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "life-cycle.md").read_text()


def test_the_quotas_are_the_servers() -> None:
    assert tuple(int(most) for most in re.findall(r"^\| [^|]+ \| `(\d+)` \|", PAGE, re.MULTILINE)) == astuple(Limits())
