"""ExplainSecret: what logs in, what blocks, what happens next, and what heals it.

Asking the target is the function's: a write transaction makes its session, it runs without one, and the answer is
joined in another. Its session can change nothing, and ends no step's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from detent.model.errors import FunctionFailed
from detent.model.policy import Principal
from detent.model.ports import EXPLAIN, FunctionCaller, StepCall
from detent.model.rotation import UNSURE, Purpose, Rotation, State
from detent.model.secret import CURRENT, PENDING, PREVIOUS, Secret, VersionId
from detent.service import access, scrubbing
from detent.service.env import Env
from detent.service.function_lookup import key_of
from detent.service.lookup import find
from detent.store.protocol import ROTATION_PAUSED

_TIME = timedelta(seconds=30)  # for all logins together: an SDK waits 60 for the answer
_GRACE = timedelta(minutes=1)


class LogsIn(StrEnum):
    """Whether a version logs in."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Cure(StrEnum):
    """What heals a secret; the first that helps."""

    NONE = "none"
    CONFIGURE = "configure"  # RotateSecret with a function
    RESTORE = "restore"
    RESUME = "resume"  # rotation in the whole server
    ROLL_BACK = "roll-back"
    RETRY = "retry"
    ABANDON = "abandon"
    ROTATE = "rotate"
    PUT_VALUE = "put-value"


class Tried(NamedTuple):
    """One labelled version at the target."""

    label: str
    version: VersionId
    logs_in: LogsIn
    target: str | None = None
    reason: str | None = None


class Told(NamedTuple):
    """What a function found out; `reason`: why nothing."""

    candidates: tuple[Mapping[str, Any], ...] = ()
    reason: str | None = None


NOT_ASKED = Told(reason="Nothing was asked of the target.")


@dataclass(frozen=True, slots=True)
class Explained:
    """How a secret stands."""

    secret: Secret
    versions: tuple[Tried, ...]
    rotation: Rotation | None  # the latest that matters
    blocks: str | None
    cure: Cure
    next_attempt: datetime | None


def declares(env: Env, secret: Secret, step: str) -> bool:
    """Say whether the secret's function has a step besides the four: users' own have none."""
    function = None if secret.rotation is None else secret.rotation.function
    key = None if function is None else key_of(function)
    if function is None or (key is not None and env.tx.functions.find(key) is not None):
        return False
    return step in env.server.functions.traits(env.tx, function).declares


def prepared(env: Env, caller: Principal, operation: str, secret_id: str) -> StepCall | None:
    """Allow the operation, and make ready the call that tells which versions log in; None: nothing can tell."""
    secret = find(env, caller, operation, secret_id, service="detent", deleted=True)
    current = secret.labels.get(CURRENT)
    if current is None or secret.deletion is not None or not declares(env, secret, EXPLAIN):
        return None
    if secret.rotation is None or secret.rotation.function is None:
        return None
    deadline = env.now + _TIME
    credentials = access.issue_session(env, secret, VersionId(""), deadline + _GRACE, alone=False)
    event = {"Step": EXPLAIN, "SecretId": secret.arn, "ClientRequestToken": current}  # it stores nothing
    return StepCall(secret.rotation.function, event, credentials, deadline)


def asked(functions: FunctionCaller, call: StepCall | None) -> Told:
    """Ask the function, outside of any transaction."""
    if call is None:
        return Told(reason="The secret's function cannot tell: only those that come with Detent can.")
    try:
        told = functions.call(call) or {}
    except FunctionFailed as failure:
        return Told(reason=str(failure))
    return Told(tuple(told.get("Candidates", ())))


def explain_secret(env: Env, caller: Principal, *, secret_id: str, told: Told = NOT_ASKED) -> Explained:
    """Say how a secret stands; `told` is what the target answered meanwhile."""
    secret = find(env, caller, "ExplainSecret", secret_id, service="detent", deleted=True)
    versions = tried(env, secret, told)
    rotation = latest(env, secret)
    window = None if secret.rotation is None else secret.rotation.next_window
    under_way = rotation.due if rotation is not None else None
    planned = window.opens if window is not None and secret.rotates else None
    blocks, cure = _diagnosed(env, secret, rotation, {one.label: one.logs_in for one in versions})
    return Explained(secret, versions, rotation, blocks, cure, under_way or planned)


def tried(env: Env, secret: Secret, told: Told) -> tuple[Tried, ...]:
    """Give each labelled version with what was found out of it; labels that moved meanwhile are as they are now."""
    found = {one.get("VersionId"): one for one in told.candidates}
    return tuple(_tried(env, secret, label, found, told.reason) for label in _shown(secret))


def _shown(secret: Secret) -> Iterable[str]:
    for label in (CURRENT, PENDING, PREVIOUS):
        version = secret.labels.get(label)
        if version is not None and (label == CURRENT or version != secret.labels.get(CURRENT)):
            yield label


def _tried(env: Env, secret: Secret, label: str, found: Mapping[Any, Mapping[str, Any]], why: str | None) -> Tried:
    version = next(holder for name, holder in secret.labels.items() if name == label)
    one = found.get(version, {})
    said = one.get("LogsIn")
    logs_in = LogsIn.UNKNOWN if said is None else LogsIn.YES if said else LogsIn.NO
    reason = one.get("Reason") or (None if one else why or "It came meanwhile: ask again.")
    scrubbed = None if reason is None else scrubbing.scrub(env, secret, str(reason))
    return Tried(label, version, logs_in, one.get("Target"), scrubbed)


def latest(env: Env, secret: Secret) -> Rotation | None:
    """Give the rotation that is under way or that last ended, tests of the configuration aside."""
    open_ones = [found for found in env.tx.rotations.open(secret.key) if found.purpose is not Purpose.TEST]
    if open_ones:
        return open_ones[-1]
    page = env.tx.rotations.page(secret.account, secret.region, secret.key, None, 1)
    return page[0][1] if page and page[0][1].purpose is not Purpose.TEST else None


def _diagnosed(
    env: Env, secret: Secret, rotation: Rotation | None, logs_in: Mapping[str, LogsIn]
) -> tuple[str | None, Cure]:
    """Say what blocks and what heals."""
    if secret.deletion is not None:
        return "The secret is scheduled for deletion.", Cure.RESTORE
    if secret.rotation is None or secret.rotation.function is None:
        return "Rotation was never configured.", Cure.CONFIGURE
    if env.tx.fact(ROTATION_PAUSED) is not None:
        return "Rotation is paused in the whole server, after a restore.", Cure.RESUME
    if logs_in.get(CURRENT) is LogsIn.NO:
        works = LogsIn.YES in logs_in.values()
        said = f"{CURRENT} does not log in" + ("." if works else ", and neither does any other version with a label.")
        return said, Cure.ROLL_BACK if works else Cure.PUT_VALUE
    blocks, cure = (None, Cure.NONE) if secret.pending_elsewhere is None else _incomplete(secret, rotation)
    if rotation is None or not _is_unsure(env, secret, rotation):
        return blocks, cure
    said = UNSURE if blocks is None else blocks if UNSURE in blocks else f"{blocks.rstrip('.')}. {UNSURE}"
    return said, cure if cure is Cure.RETRY else Cure.PUT_VALUE


def _is_unsure(env: Env, secret: Secret, rotation: Rotation) -> bool:
    """Say whether a rotation may have left the current value dead, and nothing can tell; a later value is its owner's.

    While one goes on, there is nothing to fear.
    """
    current = secret.labels.get(CURRENT)
    is_over = rotation.state not in (State.SUCCEEDED, State.IN_PROGRESS, State.REPLACED)
    if not (rotation.acted and is_over) or current in (None, rotation.token) or declares(env, secret, EXPLAIN):
        return False
    version = None if current is None else env.tx.secrets.version(secret.key, current)
    return version is not None and rotation.started is not None and version.created <= rotation.started


def _incomplete(secret: Secret, rotation: Rotation | None) -> tuple[str | None, Cure]:
    """Say why a version is still pending; a rotation that goes well needs no cure."""
    if not secret.rotates:
        return "Rotation was cancelled, and a version is still pending.", Cure.ABANDON
    if rotation is None or (rotation.ended is not None and rotation.state is not State.FAILED):
        return "A version is pending that no rotation goes on with.", Cure.ROTATE
    return rotation.reason, Cure.NONE if rotation.reason is None else Cure.RETRY
