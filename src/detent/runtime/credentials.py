"""An invocation's credentials, as a container's SDK asks for them."""

import json
from datetime import UTC, datetime, timedelta

from detent.model.ports import SessionCredentials
from detent.model.value import SecretValue

# So soon every SDK asks anew at each call, which is what makes a client follow from one step's session to the next's.
_SECONDS = 60
_NONE = {  # an SDK that finds none looks for them for seconds; these are refused wherever they are used
    "AccessKeyId": "ASIANOCREDENTIALSHERE",
    "SecretAccessKey": "this invocation has no credentials",
    "Token": "this invocation has no credentials",
}


def told(credentials: SessionCredentials | None) -> bytes:
    """Give the answer, JSON."""
    soon = datetime.now(UTC) + timedelta(seconds=_SECONDS)
    said = _NONE if credentials is None else _said(credentials)
    return json.dumps({**said, "Expiration": soon.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()


def _said(credentials: SessionCredentials) -> dict[str, str]:
    return {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": _text(credentials.secret_access_key),
        "Token": _text(credentials.session_token),
    }


def _text(value: SecretValue) -> str:
    revealed = value.reveal()
    return revealed if isinstance(revealed, str) else revealed.decode()
