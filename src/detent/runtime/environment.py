"""The environment variables that a function sees: Lambda's, ours, and its own. Nothing of the server's."""

import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from detent.model.function import UserFunction
from detent.runtime import pythons
from detent.runtime.cells import World

# what a function's own variables never set: Lambda's credentials come otherwise here, and the rest steers AWS's client
_WITHHELD = {
    "_LAMBDA_TELEMETRY_LOG_FD",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
}


_AWS_ADDRESS = re.compile(r"https://secretsmanager[a-z0-9.-]*\.amazonaws\.com(\.cn)?/?")


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a function reaches what it needs: the Runtime API, its credentials, and the server."""

    runtime_api: str  # host:port
    credentials: str  # URL
    token: str
    server: str  # URL
    own_certificates: bool  # the server's certificate needs the bundle


def environment(
    function: UserFunction, own: Mapping[str, str], world: World, doors: Doors, region: str
) -> dict[str, str]:
    """Put the variables together: what may be replaced, the function's own, and what stands above them."""
    kept = {name: value for name, value in own.items() if name not in _WITHHELD and not _is_aws(name, value)}
    return {
        **_offered(world, doors),
        **kept,
        "PYTHONPATH": ":".join(_python_path(kept.get("PYTHONPATH"), world)),
        **_reserved(function, world, region),
        "AWS_LAMBDA_RUNTIME_API": doors.runtime_api,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": doors.credentials,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": doors.token,
    }


def _is_aws(name: str, value: str) -> bool:
    """Say whether a variable is AWS's own address, as its templates have it on AWS: it means this server."""
    return name == "SECRETS_MANAGER_ENDPOINT" and _AWS_ADDRESS.fullmatch(value) is not None


def _offered(world: World, doors: Doors) -> dict[str, str]:
    """Give what a function's own variables may replace."""
    trust = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS") if doors.own_certificates else ()
    return {
        "HOME": world.temporary,
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": f"{world.task}:{world.task}/lib:{world.opt}/lib",
        "NODE_PATH": f"{world.opt}/nodejs/node_modules",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:{world.opt}/bin",
        "TMPDIR": world.temporary,
        "TZ": ":UTC",
        "SECRETS_MANAGER_ENDPOINT": doors.server,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": doors.server,
        **dict.fromkeys(trust, world.certificates),
    }


def _python_path(own: str | None, world: World) -> Iterator[str]:
    if own:
        yield own
    yield f"{world.opt}/python"
    yield f"{world.opt}/python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    client = pythons.client_folder()
    if client is not None:
        yield str(client)


def _reserved(function: UserFunction, world: World, region: str) -> dict[str, str]:
    """Give what Lambda reserves."""
    name = function.key.name
    return {
        "_HANDLER": function.handler,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}",
        "AWS_REGION": region,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": world.task,
    }
