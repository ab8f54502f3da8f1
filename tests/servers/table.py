"""The servers that the contract suites run on: a new engine is one row here."""

import pytest

from servers.target import Target

# name of the row: (fixture that starts servers, its argument)
SERVERS = {
    "postgres-system": ("postgres_from", "system"),
    "postgres-wheel": ("postgres_from", "wheel"),
}


def engine_of(row: str) -> str:
    """The engine's name, which a row's begins with."""
    return row.partition("-")[0]


def started(request: pytest.FixtureRequest, row: str) -> Target:
    fixture, argument = SERVERS[row]
    target: Target = request.getfixturevalue(fixture)(argument)
    return target
