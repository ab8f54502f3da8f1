"""A boto3 client of Detent's own API, which is a second service on the port of the Secrets Manager API.

boto3 is imported when a client is made: `import detent` costs nothing.
"""

import os
from pathlib import Path
from typing import Any, Final

MODELS: Final = Path(__file__).parent / "service_model"  # a search path of botocore's loader
SERVICE_MODEL: Final = MODELS / "detent" / "2026-11-23" / "service-2.json"  # for `aws configure add-model`

# AWS: a variable for one service goes before the one for all, and both go before the config file.
_ENDPOINT_VARIABLES: Final = ("AWS_ENDPOINT_URL_DETENT", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL")


class NoEndpoint(Exception):
    """There is no endpoint: give endpoint_url, set AWS_ENDPOINT_URL, or put endpoint_url into the AWS config file."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(type(self).__doc__)


def client(endpoint_url: str | None = None, *, session: Any = None, **settings: Any) -> Any:  # noqa: ANN401 - as boto3 is
    """Make a boto3 client of the service `detent`.

    The endpoint is `endpoint_url`, else AWS_ENDPOINT_URL, else `endpoint_url` of the profile in the AWS config file.
    `session` is a botocore session, by default a new one; `settings` are those of boto3's `Session.client`
    (`region_name`, `aws_access_key_id`, `verify`, …). Raises NoEndpoint: botocore's own guess would be a host of AWS.
    """
    import boto3.session  # noqa: PLC0415 - a server or a program that only imports detent needs no boto3
    import botocore.session  # noqa: PLC0415
    from botocore.loaders import Loader  # noqa: PLC0415

    core = session or botocore.session.Session()
    # A loader of its own: a loader that was used before remembers which services there are.
    known = core.get_component("data_loader").search_paths
    core.register_component("data_loader", Loader([*known, str(MODELS)], include_default_search_paths=False))
    endpoint = endpoint_url or configured_endpoint(core)
    return boto3.session.Session(botocore_session=core).client("detent", endpoint_url=endpoint, **settings)


def configured_endpoint(session: Any) -> str:  # noqa: ANN401 - a botocore session
    """Give the endpoint that the environment or the session's profile names. Raises NoEndpoint."""
    named = next((os.environ[name] for name in _ENDPOINT_VARIABLES if os.environ.get(name)), None)
    endpoint = named or session.get_scoped_config().get("endpoint_url")
    if not endpoint:
        raise NoEndpoint
    return str(endpoint)
