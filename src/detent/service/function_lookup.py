"""Finding the function a caller means, and asking whether the caller may. Those built in are in every account."""

import re
from datetime import UTC, datetime, timedelta

from detent.model.arn import function_parts
from detent.model.errors import BadParameter, FailedConstraint, NotFound
from detent.model.function import FunctionKey, UserFunction
from detent.model.policy import Ask, Principal
from detent.service.authorization import allow
from detent.service.conditions import NOTHING_SENT, Conditions, Sent
from detent.service.env import Env
from detent.service.function_trust import policy_of

LATEST = "$LATEST"  # the one version there is
_NAME = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:)?(?:(?P<region>(?:[a-z]+-)+\d+):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?",
    re.ASCII,
)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NO_REVISION = "00000000-0000-0000-0000-000000000000"


def key_of(arn: str) -> FunctionKey | None:
    """Give what a function's ARN names; None: it is none, or of a version that no function here has."""
    parts = function_parts(arn)
    name, _, qualifier = ("", "", "") if parts is None else parts.rest.partition(":")
    if parts is None or qualifier not in ("", LATEST):
        return None
    return FunctionKey(parts.account, parts.region, name)


def meant_by(env: Env, caller: Principal, name: str, qualifier: str | None = None) -> FunctionKey:
    """Take a FunctionName apart: a name, an ARN, or part of one. Raises NotFound, FailedConstraint."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise FailedConstraint("The FunctionName is neither a function's name nor its ARN.")
    region = parts["region"] or env.region
    if region != env.region:
        raise NotFound(f"Functions from '{region}' are not reachable in this region ('{env.region}')")
    key = FunctionKey(parts["account"] or caller.account, region, parts["name"])
    for version in (parts["qualifier"], qualifier):
        if version not in (None, LATEST):
            raise NotFound(f"Function not found: {key.arn}:{version}")
    return key


def find(
    env: Env,
    caller: Principal,
    operation: str,
    name: str,
    qualifier: str | None = None,
    *,
    service: str = "lambda",
) -> UserFunction:
    """Find a function, built in or a user's own, and allow the operation. Raises NotFound."""
    key = meant_by(env, caller, name, qualifier)
    own = env.tx.functions.find(key)
    permit(env, caller, f"{service}:{operation}", key, own)
    found = own or builtin(env, key)
    if found is None:
        raise NotFound(f"Function not found: {key.arn}")
    return found


def find_own(
    env: Env, caller: Principal, operation: str, name: str, qualifier: str | None = None, *, service: str = "lambda"
) -> UserFunction:
    """Find a function that may be changed, as `find` does. Raises BadParameter for one that is built in."""
    found = find(env, caller, operation, name, qualifier, service=service)
    if is_builtin(found):
        raise BadParameter(f"The function {found.key.name} is built in: it cannot be changed or deleted.")
    return found


def permit(
    env: Env,
    caller: Principal,
    action: str,
    key: FunctionKey,
    found: UserFunction | None,
    *,
    sent: Sent = NOTHING_SENT,
) -> None:
    """Raise NotPermitted unless the caller may do this to the function, there or not."""
    context = Conditions(env, caller, key.account, sent, tags=None if found is None else found.tags)
    policy = None if found is None else policy_of(found)
    allow(env, caller, Ask(action, key.arn, key.account, context=context), policy)


def is_builtin(function: UserFunction) -> bool:
    """Say whether the function came with the server. One that a user made before goes before one of its name."""
    return function.revision == _NO_REVISION


def builtin(env: Env, key: FunctionKey) -> UserFunction | None:
    """Describe a built-in function as one of this account."""
    about = env.server.builtin.get(key.name)
    if about is None:
        return None
    return UserFunction(key, "", "", timedelta(minutes=1), 128, "", 0, _NO_REVISION, _NEVER, description=about)
