"""Who the caller is: what STS answers, and whoever can sign may ask."""

import base64
import hashlib
from dataclasses import dataclass

from detent.model.policy import Principal
from detent.service.env import Env

_ROLE = "AROA"  # how the unique ids of roles begin at AWS; here what follows is made of the role's ARN, always the same
_ID_LENGTH = 17


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller as STS names it."""

    arn: str
    user_id: str
    account: str


def get_caller_identity(env: Env, caller: Principal) -> Identity:  # noqa: ARG001 - every operation is called alike
    """Say who signed: an account's root has its account for a user id, a session its role's and its own name."""
    if caller.grant is None:
        return Identity(caller.arn, caller.id or caller.account, caller.account)
    role, _, session = caller.arn.rpartition("/")
    role_id = base64.b32encode(hashlib.sha256(role.encode()).digest())[:_ID_LENGTH].decode()
    return Identity(caller.arn, f"{_ROLE}{role_id}:{session}", caller.account)
