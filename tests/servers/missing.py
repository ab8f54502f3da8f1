import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


def report_missing(server: str, cure: str) -> NoReturn:
    """Skip with what to install; with CI=true a missing server is a failure."""
    line = f"{server} is missing: {cure}"
    if os.environ.get("CI") == "true":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


def apt_install(*packages: str) -> bool:
    """Install Debian packages when root; say whether it was done."""
    if os.geteuid() != 0 or not Path("/usr/bin/apt-get").exists():
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(["/usr/bin/apt-get", *wait, *command], env=environment, capture_output=True, check=False)
        if done.returncode and command[0] == "install":
            return False
    return True
