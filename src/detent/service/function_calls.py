"""Calling users' own functions: what a call needs of the store before, and leaves in it behind.

No transaction is open while a function runs.
"""

import json
from typing import Any, NamedTuple

from detent.model.arn import secret_parts
from detent.model.errors import BadParameter, FunctionFailed
from detent.model.faults import Fault
from detent.model.function import UserFunction
from detent.model.policy import Principal
from detent.model.ports import Invocation, Invoked, StepCall
from detent.model.secret import Secret
from detent.service import scrubbing
from detent.service.env import Env
from detent.service.function_checks import refused
from detent.service.function_lookup import find, is_builtin, key_of
from detent.service.function_sealing import opened_environment
from detent.service.function_trust import CANNOT_INVOKE, may_rotate
from detent.service.lookup import with_arn
from detent.service.rotations import admin_meant_by

NO_EVENT = b"{}"  # what a function gets that is invoked without an event
_LONGEST_REASON = 4000  # characters kept of what a function said


class Call(NamedTuple):
    """What a caller may have a function do, and with which event."""

    function: UserFunction
    payload: bytes


class Told(NamedTuple):
    """What a step wrote, and why it failed; None: it did not."""

    log: str
    reason: str | None


def invoke(
    env: Env,
    caller: Principal,
    *,
    function_name: str,
    payload: bytes | None = None,
    qualifier: str | None = None,
    **_: object,
) -> Call:
    """Find out whether a function may be invoked, and can be. Raises BadParameter where it cannot be run here."""
    function = find(env, caller, "InvokeFunction", function_name, qualifier)
    if is_builtin(function):
        raise BadParameter(f"The function {function.key.name} is built in: it runs as a rotation's step only.")
    refusal = refused(env, function)
    if refusal is not None:
        raise BadParameter(refusal)
    return Call(function, payload or NO_EVENT)


def invocation(env: Env, call: Call, request_id: str) -> Invocation:
    """Give all that a function needs to be run. Its timeout counts from now."""
    function = call.function
    variables = opened_environment(env, function.key)
    return Invocation(function, variables, call.payload, request_id, env.now + function.timeout)


def step_invocation(env: Env, step: StepCall, request_id: str) -> Invocation:
    """Give all that a function needs to do one step. Raises FunctionFailed, should it be gone or closed by now."""
    key = key_of(step.function)
    function = None if key is None else env.tx.functions.find(key)
    if function is None:
        raise FunctionFailed(f"There is no function {step.function}.")
    if not may_rotate(env, function, step.event["SecretId"]):
        raise FunctionFailed(CANNOT_INVOKE)
    refusal = refused(env, function)
    if refusal is not None:
        raise FunctionFailed(refusal)
    variables = opened_environment(env, function.key)
    payload = json.dumps(dict(step.event)).encode()
    return Invocation(function, variables, payload, request_id, step.deadline, step.credentials)


def step_told(env: Env, step: StepCall, invoked: Invoked) -> Told:
    """Give what a step wrote and why it failed, without the rotation's secret values."""
    reason = None if invoked.error is None else _scrubbed(env, step, reason_of(invoked))
    return Told(_scrubbed(env, step, invoked.log), reason)


def reason_of(invoked: Invoked) -> str:
    """Say in one line how a function failed, from what it answered."""
    said = _said(invoked)
    parts = [said.get(name) for name in ("errorType", "errorMessage")]
    words = ": ".join(" ".join(part.split()) for part in parts if isinstance(part, str) and part.strip())
    return (words or f"The function failed: {invoked.error}.")[:_LONGEST_REASON]


def fault_of(invoked: Invoked) -> Fault:
    """Say what kind of failure it was: a function tells it by its error's name, in whatever language."""
    return Fault.named(str(_said(invoked).get("errorType", "")).rpartition(".")[2])


def _said(invoked: Invoked) -> dict[str, Any]:
    try:
        said = json.loads(invoked.payload)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _scrubbed(env: Env, step: StepCall, text: str) -> str:
    text = scrubbing.scrub_credentials(step.credentials, text)
    secret = with_arn(env, step.event["SecretId"])
    for one in (secret, None if secret is None else _admin(env, secret)):
        text = text if one is None else scrubbing.scrub(env, one, text)
    return text


def _admin(env: Env, secret: Secret) -> Secret | None:
    """Give the admin secret that a step may have read."""
    parts = secret_parts(secret.arn)
    return None if parts is None else admin_meant_by(env, secret)
