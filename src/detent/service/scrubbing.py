"""Keeping secret values out of texts that others wrote, such as a function's error."""

import json
from collections.abc import Iterator

from detent.model.errors import CannotOpen
from detent.model.ports import SessionCredentials
from detent.model.secret import Secret, VersionId
from detent.service import sealing
from detent.service.env import Env

_SHORTEST = 4  # shorter strings (a port, a flag) would only make the text unreadable
_PUBLIC = frozenset({"engine", "host", "port", "dbname", "username", "masterarn", "ssl", "sslmode"})


def scrub(env: Env, secret: Secret, text: str) -> str:
    """Replace every value of the secret's versions in the text, whole or as a member of a JSON object."""
    found = {value for version in env.tx.secrets.versions(secret.key) for value in _values(env, secret, version.id)}
    for value in sorted(found, key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def scrub_credentials(credentials: SessionCredentials, text: str) -> str:
    """Replace what a step's session is proven by."""
    for value in (credentials.secret_access_key, credentials.session_token, credentials.rotation_token):
        text = text.replace(str(value.reveal()), "***")
    return text


def _values(env: Env, secret: Secret, version_id: VersionId) -> Iterator[str]:
    sealed = env.tx.secrets.sealed(secret.key, version_id)
    if sealed is None:
        return
    try:
        plain = sealing.opened(env, secret, version_id, sealed).reveal()
    except CannotOpen:
        return  # what cannot be opened here cannot have been given to a function either
    whole = plain if isinstance(plain, str) else plain.decode(errors="replace")
    yield from (value for value in (whole, *_members(whole)) if len(value) >= _SHORTEST)


def _members(whole: str) -> Iterator[str]:
    try:
        fields = json.loads(whole)
    except (ValueError, RecursionError):  # too deep for this parser is no JSON object to a function either
        return
    if isinstance(fields, dict):
        yield from (value for key, value in fields.items() if isinstance(value, str) and key not in _PUBLIC)
