"""When secrets will rotate, as far as can be told now: as if each rotation succeeded on the day it is due."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from detent.model.errors import BadState, CannotOpen, NotPermitted
from detent.model.policy import Ask, Principal
from detent.model.rotation import planned
from detent.model.schedule import Window
from detent.model.search import Sort, place
from detent.model.secret import CURRENT, Secret
from detent.service.authorization import allow
from detent.service.env import Env
from detent.service.listing import place_of, place_token
from detent.service.lookup import find, permit
from detent.service.paging import Paged, page_start
from detent.service.rotations import current_value
from detent.service.sealing import require_shareable
from detent.service.targets import shown_place
from detent.store.protocol import Page

_DAYS = 90
_SECRETS = 100  # in an answer
_MOST = 5000  # windows in an answer, or a few more: a secret goes whole


@dataclass(frozen=True, slots=True)
class Coming:
    """A window in which a secret rotates, and the moment in it at which the rotator may begin.

    `target` is equal for secrets that log in at the same host and port, and says nothing else; `host` names them to
    whoever may read the value that does.
    """

    secret: Secret
    window: Window
    due: datetime
    target: str | None
    host: str | None


def preview_schedule(
    env: Env,
    caller: Principal,
    *,
    secret_id: str | None = None,
    days: int | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Paged[Coming]:
    """List the windows that open within so many days, and what is overdue: of one secret, or of all."""
    until = env.now + timedelta(days=days or _DAYS)
    if secret_id is not None:
        secret = find(env, caller, "PreviewSchedule", secret_id, service="detent", deleted=True, on_replica=True)
        return Paged(list(_coming(env, caller, secret, until)), None)
    allow(env, caller, Ask("detent:PreviewSchedule", "*", caller.account))
    question = f"PreviewSchedule {caller.account} {env.region}"
    limit = max_results or _SECRETS
    after = place_of(page_start(env, next_token, question))
    found = env.tx.secrets.page(Page(caller.account, env.region, limit + 1, after, sort=Sort.NAME))
    listed: list[Coming] = []
    for number, secret in enumerate(found[:limit], 1):
        listed += _coming(env, caller, secret, until)
        if number < len(found) and (number == limit or len(listed) >= _MOST):
            return Paged(listed, place_token(env, place(secret, Sort.NAME), question))
    return Paged(listed, None)


def _coming(env: Env, caller: Principal, secret: Secret, until: datetime) -> Iterator[Coming]:
    target: str | None = None
    host: str | None = None
    for number, window in enumerate(_windows(secret, until)):
        settings = secret.rotation
        if settings is None:
            return
        plan = planned(replace(secret, rotation=replace(settings, next_window=window)), env.server.jitter)
        if plan is None or plan.due is None:
            return
        if not number:
            target = _target(env, secret)
            host = None if target is None else _host(env, caller, secret)
        yield Coming(secret, window, plan.due, target, host)


def _windows(secret: Secret, until: datetime) -> Iterator[Window]:
    settings = secret.rotation
    window = None if settings is None or not settings.enabled else settings.next_window
    while window is not None and settings is not None and settings.rules is not None and window.opens < until:
        yield window
        window = settings.rules.window_after(window.last_second, window)


def _target(env: Env, secret: Secret) -> str | None:
    current = secret.labels.get(CURRENT)
    version = None if current is None else env.tx.secrets.version(secret.key, current)
    return None if version is None else version.target


def _host(env: Env, caller: Principal, secret: Secret) -> str | None:
    """Name the host and port of the current value, as far as GetSecretValue would tell it to this caller."""
    try:
        permit(env, caller, "secretsmanager:GetSecretValue", secret)
        require_shareable(secret, caller)
        value = current_value(env, secret)
    except (NotPermitted, BadState, CannotOpen):
        return None
    return None if value is None else shown_place(value)
