"""Pages of lists: tokens that only this server can have made, good for one list and one caller's question."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from detent.model.errors import BadPage, CannotOpen
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue, SecretValue
from detent.service.env import Env

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page; `next_token` None: it is the last."""

    items: list[T]
    next_token: str | None


def token_for(env: Env, position: str, bound: str) -> str:
    """Make the token under which a list goes on at this position; `bound` names the list and its question."""
    sealed = env.server.keyset.seal(SecretValue(position), f"NextToken {bound}")
    return base64.urlsafe_b64encode(sealed.ciphertext).decode()


def page_start(env: Env, token: str | None, bound: str) -> str | None:
    """Give the position a token was made for; None: no token, start at the beginning. Raises BadPage."""
    if token is None:
        return None
    try:
        sealed = SealedValue(base64.b64decode(token, b"-_", validate=True), ROOT_KEYSET_ID)
        return str(env.server.keyset.open(sealed, f"NextToken {bound}").reveal())
    except (CannotOpen, binascii.Error, ValueError):
        raise BadPage from None
