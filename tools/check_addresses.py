"""No file of the project names a path of somebody's machine or the place packages are fetched from.

Where packages come from is the business of the machine that installs them (its pip configuration), so neither a
registry's host nor an option that sets one may be committed. This machine's registries are looked up, not listed here.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
ADDRESS_FREE = {"requirements.lock", "pyproject.toml"}
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.$}-])/(?:home|root|work|Users)/\w"),
    "an option that sets a package index": re.compile(
        r"--(?:(?:extra-)?index-url|find-links)|\b(?:PIP|UV)_(?!NO_)\w*INDEX"
    ),
    "a package index": re.compile(r"https?://[\w.-]*(?:pypi|registry|mirror|artifact)"),
}
ADDRESS = re.compile(r"\b(?:https?|file|git\+\w+)://")


def configured_hosts() -> list[str]:
    """Give the registries' hosts that pip is set to use on this machine; empty where it uses its default."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    settings = [subprocess.run(pip, capture_output=True, text=True, check=False).stdout]
    settings += [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s'\"]+", " ".join(settings))}
    return sorted(host for host in hosts if host and "." in host and not host.startswith("127."))


def committed_files() -> list[Path]:
    """Give what git tracks or would track: new files count before they are committed."""
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        sys.exit(f"cannot list the project's files: {listed.stderr.strip()}")
    return [path for name in sorted(set(listed.stdout.split("\0"))) if (path := ROOT / name).is_file()]


def findings(path: Path, hosts: list[str]) -> list[str]:
    """Name each line of the file that must not be there, as `file:line: what`."""
    name = path.relative_to(ROOT).as_posix()
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        faults = [fault for fault, pattern in FORBIDDEN.items() if pattern.search(line)]
        if name in ADDRESS_FREE and ADDRESS.search(line):
            faults.append("an address")
        if any(host in line for host in hosts):
            faults.append("the host of a package index")
        found += [f"{name}:{number}: names {fault}" for fault in faults]
    return found


def main() -> int:
    """Print every finding; 1 if there is one."""
    hosts = configured_hosts()
    found = [finding for path in committed_files() for finding in findings(path, hosts)]
    print("\n".join(found) or "No machine path and no package address in any file.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
