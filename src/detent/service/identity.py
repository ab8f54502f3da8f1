"""Who the caller is: what STS answers, and whoever can sign may ask."""

from dataclasses import dataclass

from detent.model.policy import Principal
from detent.service.env import Env

_ROLE = "AROA"  # how the unique ids of roles begin, where an access key's id has four letters of its own


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller as STS names it."""

    arn: str
    user_id: str
    account: str


def get_caller_identity(env: Env, caller: Principal) -> Identity:  # noqa: ARG001 - every operation is called alike
    """Say who signed: an account's root has its account for a user id, a session its role's and its own name."""
    session = f"{_ROLE}{caller.access_key_id[len(_ROLE) :]}:{caller.arn.rpartition('/')[2]}"
    return Identity(caller.arn, caller.account if caller.is_root else session, caller.account)
