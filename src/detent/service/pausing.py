"""Rotation at rest after a restore: what the store holds may be older than what the targets have."""

import json
from datetime import datetime
from typing import NamedTuple

from detent.model.errors import BadState, NotPermitted
from detent.model.policy import Ask, Principal
from detent.model.rotation import Purpose
from detent.model.secret import Secret
from detent.service.authorization import allow
from detent.service.env import Env
from detent.store.protocol import ROTATION_PAUSED

_WHY = "Rotation is paused, because this store was restored from a backup: detent resume ends that."


class Pause(NamedTuple):
    """Since when rotation rests, and from when the backup is."""

    since: datetime
    backup: datetime


class Described(NamedTuple):
    """A server."""

    account: str
    region: str
    pause: Pause | None


def paused_by(since: datetime, backup: datetime) -> bytes:
    """Give the fact that pauses rotation."""
    return json.dumps({"since": since.isoformat(), "backup": backup.isoformat()}).encode()


def require_running(env: Env) -> None:
    """Raise BadState while rotation is paused."""
    if env.tx.fact(ROTATION_PAUSED) is not None:
        raise BadState(_WHY)


def require_no_roll_back(env: Env, secret: Secret) -> None:
    """Raise BadState while a secret is being rolled back."""
    if any(found.purpose is Purpose.ROLL_BACK for found in env.tx.rotations.open(secret.key)):
        raise BadState("The secret is being rolled back: rotate it when that has ended (DescribeRotation).")


def describe_server(env: Env, caller: Principal) -> Described:
    """Say whose server this is, and whether rotation rests."""
    allow(env, caller, Ask("detent:DescribeServer", "*", caller.account))
    return Described(env.server.account, env.server.region, _pause(env))


def resume_rotation(env: Env, caller: Principal) -> Described:
    """Let what is due be rotated again, in every account; it may be asked for by the server's own account alone."""
    allow(env, caller, Ask("detent:ResumeRotation", "*", caller.account))
    if caller.account != env.server.account:
        raise NotPermitted(f"Only account {env.server.account}, whose server this is, may resume rotation.")
    env.tx.drop_fact(ROTATION_PAUSED)
    return Described(env.server.account, env.server.region, None)


def _pause(env: Env) -> Pause | None:
    fact = env.tx.fact(ROTATION_PAUSED)
    if fact is None:
        return None
    told = json.loads(fact)
    return Pause(*(datetime.fromisoformat(told[name]) for name in Pause._fields))
