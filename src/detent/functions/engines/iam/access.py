"""Signed requests by one access key."""

import logging
import os
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any, Final

from detent.functions.engines import Login
from detent.functions.errors import EngineUnavailable

_MAKING: Final = Lock()  # a botocore session makes one client at a time
_ENVIRONMENTAL: Final = frozenset({"ca_bundle", "data_path"})  # settings that the environment may still give


class Access:
    """What signs by a login's key."""

    def __init__(self, endpoint: str, login: Login, mode: str, service: str = "iam") -> None:
        self.service = service
        self.login = login
        self.mode = mode
        self.key_id: str = login.settings["aws_access_key_id"]
        self._endpoint = endpoint
        self._client: Any = None
        self._limit = 0.0

    def ask(self, operation: str, limit: float, **members: object) -> Mapping[str, Any] | Exception:
        """Call an operation once. A failure is given back: raised on, it would drag the driver's frames along."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - boto3's core; the first rotation
            from botocore.parsers import ResponseParserError  # noqa: PLC0415
        except ImportError:
            raise EngineUnavailable("the driver boto3 is not installed: pip install boto3") from None
        reply: Mapping[str, Any] | Exception
        try:
            reply = getattr(self._client_within(limit), operation)(**members)
        except (BotoCoreError, ClientError, ResponseParserError, KeyError) as error:  # KeyError: XML of something else
            reply = error
        return reply

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.close()

    def _client_within(self, limit: float) -> Any:  # noqa: ANN401 - botocore makes its classes at run time
        """Give a client that waits no longer than this; it learns that when it is made."""
        if self._client is None or limit < self._limit:
            made = self._made(limit)
            self.close()
            self._client, self._limit = made, limit
        return self._client

    def _made(self, limit: float) -> Any:  # noqa: ANN401 - as above
        session, config = _botocore()
        with _MAKING:
            return session.create_client(
                self.service,
                endpoint_url=self._endpoint,
                region_name=self.login.settings.get("region") or "us-east-1",
                aws_access_key_id=self.key_id,
                aws_secret_access_key=self.login.password.reveal(),
                config=config(connect_timeout=limit, read_timeout=limit, retries={"total_max_attempts": 1}, proxies={}),
            )


@cache
def _botocore() -> tuple[Any, Any]:
    """Give the one session, which keeps the models that it has read (a client costs 3 ms, not 70), and Config."""
    import botocore.session  # noqa: PLC0415 - as above
    from botocore.config import Config  # noqa: PLC0415

    # At DEBUG it writes down whole replies, one of which holds the new key's secret.
    logging.getLogger("botocore.parsers").setLevel(logging.INFO)
    return botocore.session.Session(session_vars=_defaults(botocore.session.Session.SESSION_VARIABLES)), Config


def _defaults(variables: Mapping[str, tuple[Any, Any, Any, Any]]) -> Mapping[str, tuple[Any, Any, Any, Any]]:
    """Give botocore's settings without the environment and its files: the secret says how to connect."""
    plain = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in variables.items()
        if name not in _ENVIRONMENTAL
    }
    nowhere = (None, None, os.devnull, None)
    return {**plain, "config_file": nowhere, "credentials_file": nowhere}
