"""`detent env`: shell lines after which every AWS client on this machine talks to one server."""

import os
import shlex
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from detent.cli.data_folder import DataFolder

# AWS: variables that go before the two files, or that refuse an endpoint of one's own (botocore 1.44).
UNSET: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_DETENT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CA_BUNDLE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)


def lines(data: Path | None) -> str:
    """Give the lines for `eval`. Raises CommandFailed when the folder is no server's, or gives out no access key."""
    folder = DataFolder.found(data)
    _ = folder.keys  # raises
    files = {"AWS_SHARED_CREDENTIALS_FILE": folder.credentials, "AWS_CONFIG_FILE": folder.config}
    exports = [f"export {name}={shlex.quote(str(path))}" for name, path in files.items()]
    return "\n".join([f"unset {' '.join(UNSET)}", *exports, *_past_proxies(folder.endpoint), ""])


def _past_proxies(endpoint: str) -> list[str]:
    """Let calls to the server go past the proxy that this shell uses, if it uses one."""
    place = urlsplit(endpoint)
    if place.scheme not in urllib.request.getproxies() or urllib.request.proxy_bypass(place.netloc):
        return []
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    beside = shlex.quote(",".join([*([known] if known else []), place.hostname or ""]))
    return [f"export no_proxy={beside} NO_PROXY={beside}"]
