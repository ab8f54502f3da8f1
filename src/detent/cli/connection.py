"""Talking to a server as any AWS client does, and saying in one line what went wrong.

Which server: `--data DIR` first; else what AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE or AWS_ENDPOINT_URL say; else
DETENT_DATA or ~/.detent. There is always an endpoint, so no call can go to AWS by accident.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)

from detent.cli.data_folder import DataFolder
from detent.cli.failure import CommandFailed
from detent.client import NoEndpoint, client, configured_endpoint

_SAYS_WHERE: Final = (
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_DETENT",
)
_NO_ANSWER: Final = (EndpointConnectionError, ConnectTimeoutError, ConnectionClosedError, ReadTimeoutError)
_NOT_LET_IN: Final = {
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "InvalidClientTokenId",  # these two are STS's words
    "SignatureDoesNotMatch",
}
_LIMITS: Final = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}


_NO_WAY_BACK: Final = {  # a function may run for 15 minutes, and a call that was sent may have run
    "read_timeout": 910,
    "retries": {"mode": "standard", "total_max_attempts": 1},
}


@dataclass(frozen=True)
class Server:
    """One server: `secrets` is boto3's client of Secrets Manager, `own` that of Detent's own API, `sts` that of STS."""

    endpoint: str
    secrets: Any
    own: Any
    sts: Any = None
    make: Callable[..., Any] = field(default=lambda *_, **__: None, repr=False)  # a client of one more service

    @cached_property
    def functions(self) -> Any:  # noqa: ANN401 - boto3's client
        """The client of Lambda's API; its model is large, and few commands need it."""
        return self.make("lambda", **_NO_WAY_BACK)

    @property
    def account(self) -> str:
        """The caller's."""
        return str(self.sts.get_caller_identity()["Account"])


@contextmanager
def connected(data: Path | None) -> Iterator[Server]:
    """Give the server that is meant; what a call inside is refused, or misses, leaves as CommandFailed."""
    endpoint = ""
    try:
        server = _of_folder(DataFolder.found(data)) if is_folder_meant(data) else _of_environment()
        endpoint = server.endpoint
        yield server
    except (BotoCoreError, ClientError, NoEndpoint, ValueError) as error:
        raise CommandFailed(_explained(error, endpoint)) from None


def is_folder_meant(data: Path | None) -> bool:
    """Say whether a data folder is meant, and not what the AWS variables name."""
    return data is not None or not any(os.environ.get(name) for name in _SAYS_WHERE)


def _of_folder(folder: DataFolder) -> Server:
    """Connect by what stands in the folder alone; its server is on this machine, so no proxy is asked."""
    alone: dict[str, tuple[None, None, Any, None]] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, str(folder.config), None),
        "credentials_file": (None, None, str(folder.credentials), None),
    }
    core = botocore.session.Session(session_vars=alone)
    return _clients(
        core,
        folder.endpoint,
        region_name=folder.settings.get("region"),
        verify=folder.settings.get("ca_bundle"),
        config=Config(**_LIMITS, proxies={}),
        **folder.keys,
    )


def _of_environment() -> Server:
    core = botocore.session.Session()
    return _clients(core, configured_endpoint(core), config=Config(**_LIMITS))


def _clients(core: Any, endpoint: str, **settings: Any) -> Server:  # noqa: ANN401 - a botocore session
    session = boto3.session.Session(botocore_session=core)

    def make(name: str, **limits: Any) -> Any:  # noqa: ANN401 - as above
        config = settings["config"].merge(Config(**limits))
        return session.client(name, endpoint_url=endpoint, **{**settings, "config": config})

    own = client(endpoint, session=core, **settings)
    return Server(endpoint, make("secretsmanager"), own, make("sts"), make)


def _explained(error: Exception, endpoint: str) -> str:
    match error:
        case ClientError():
            return _refusal(error, endpoint)
        case SSLError():
            return f"TLS with {endpoint} failed: {error}"
        case NoCredentialsError():
            return 'there are no credentials: eval "$(detent env --data DIR)", or give --data DIR'
        case NoEndpoint():
            return f"{error} Or give --data DIR."
    if isinstance(error, _NO_ANSWER):
        return f"no server answers at {endpoint}: is detent serve running?"
    return str(error)


def _refusal(error: Any, endpoint: str) -> str:  # noqa: ANN401 - botocore's ClientError, which has no types
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code.isdigit():  # botocore: the HTTP status, where the body says no code
        return f"what answers at {endpoint} is no Detent server"
    if code in _NOT_LET_IN:
        return f"{endpoint} does not accept the access key, which may be another server's: {message} ({code})"
    return f"{message or 'refused'} ({code})"
