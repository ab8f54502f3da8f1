import os
from collections.abc import Iterator

import pytest

pytest_plugins = ["servers.fixtures"]


@pytest.fixture(autouse=True)
def usual_mask() -> Iterator[None]:
    """Let others read what a test makes, such as a server's users; what a server does in this process forbids it."""
    before = os.umask(0o022)
    yield
    os.umask(before)
