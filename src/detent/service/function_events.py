"""Events that functions are invoked with later (InvocationType Event): accepted in one transaction, and then durable.

Each is handled by one process at a time, and again by another if that one is lost. One that fails is tried again as
often, and after such pauses, as AWS does it; then it is gone.
"""

import logging
from datetime import timedelta
from typing import NamedTuple

from detent.model.errors import CannotOpen, TooManyEvents
from detent.model.function import UserFunction
from detent.model.policy import Principal
from detent.model.ports import Invocation, Invoked
from detent.service.env import Env
from detent.service.function_calls import Call, invocation, invoke
from detent.service.function_logs import keep_log
from detent.service.function_sealing import opened_text, sealed_text
from detent.store.protocol import FunctionEvent

_MOST = 1000  # that wait for one function
_PAUSES = (timedelta(minutes=1), timedelta(minutes=2))  # AWS's
_OLDEST = timedelta(hours=6)  # AWS's
_MARGIN = timedelta(minutes=1)  # after the function's timeout whoever handles an event is taken for lost


class Claimed(NamedTuple):
    """An event to be handled now."""

    event: FunctionEvent
    invocation: Invocation


def invoke_later(
    env: Env,
    caller: Principal,
    *,
    function_name: str,
    payload: bytes | None = None,
    qualifier: str | None = None,
    **_: object,
) -> UserFunction:
    """Accept an event. Raises TooManyEvents."""
    call = invoke(env, caller, function_name=function_name, payload=payload, qualifier=qualifier)
    key, request_id = call.function.key, env.origin.request_id
    if env.tx.functions.count_events(key) >= _MOST:
        raise TooManyEvents
    sealed = sealed_text(env, "event", key, request_id, call.payload.decode())
    env.tx.functions.add_event(key, request_id, sealed, env.now)
    return call.function


def claim(env: Env) -> Claimed | None:
    """Take the longest due event; None: there is none. One that does not open is gone."""
    while (event := env.tx.functions.claim_event(_MARGIN)) is not None:
        key = event.function.key
        try:
            payload = opened_text(env, "event", key, event.request_id, event.sealed).encode()
            return Claimed(event, invocation(env, Call(event.function, payload), event.request_id))
        except CannotOpen:
            logging.getLogger(__name__).error("an event for %s does not open, and is dropped", key.arn)  # noqa: TRY400 - a traceback would show nothing more
            env.tx.functions.drop_event(event)
    return None


def handled(env: Env, claimed: Claimed, invoked: Invoked) -> None:
    """Keep what the function wrote, and let the event go, or be tried again."""
    event = claimed.event
    keep_log(env, event.function.key, event.request_id, invoked.log)
    tried = event.attempts - 1
    is_old = env.now - event.accepted >= _OLDEST
    if invoked.error is None or tried >= len(_PAUSES) or is_old:
        env.tx.functions.drop_event(event)
    else:
        env.tx.functions.postpone_event(event, env.now + _PAUSES[tried])
