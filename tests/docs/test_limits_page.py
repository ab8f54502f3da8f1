"""`docs/reference/life-cycle.md` shows the request rates and quotas that the server has."""

import re
from dataclasses import astuple
from pathlib import Path

from detent.api.rates import GROUPS
from detent.model.limits import Limits

PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "life-cycle.md").read_text()


def test_the_rates_are_the_servers() -> None:
    written = {
        tuple(names.split(", ")): int(rate)
        for names, rate in re.findall(r"^\| (\w+(?:, \w+)*) \| (\d+) \|$", PAGE, re.MULTILINE)
    }
    assert written == {group.operations: group.per_second for group in GROUPS.values()}


def test_the_quotas_are_the_servers() -> None:
    assert tuple(int(most) for most in re.findall(r"^\| [^|]+ \| `(\d+)` \|", PAGE, re.MULTILINE)) == astuple(Limits())
