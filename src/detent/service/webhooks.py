"""Webhooks: where an account has the news of its rotations posted to, signed by a secret that both sides know.

The signing secret is kept sealed under the root keyset, and told once, when it is made here.
"""

import re
import secrets as randomness
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from detent.model.errors import BadParameter, LimitExceeded, NotFound
from detent.model.news import Kind, Webhook
from detent.model.policy import Ask, Principal
from detent.model.value import SecretValue
from detent.service.authorization import allow
from detent.service.env import Env
from detent.store.protocol import StaleWebhook

MOST = 20  # in an account and region: each piece of news is kept once for each
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_URL = re.compile(r"[\x21-\x7e]{1,2048}")


class Made(NamedTuple):
    """A webhook, and its signing secret if that was made here."""

    webhook: Webhook
    signing_secret: SecretValue | None


class Standing(NamedTuple):
    """A webhook, and how many news wait for it."""

    webhook: Webhook
    waiting: int


def put_webhook(
    env: Env,
    caller: Principal,
    *,
    name: str,
    url: str,
    events: Sequence[str] | None = None,
    signing_secret: str | None = None,
) -> Made:
    """Make a webhook, or change one: what is not said of its events is all of them, its signing secret stays."""
    _allow(env, caller, "PutWebhook")
    _check(name, url)
    found = env.tx.webhooks.find(caller.account, env.region, name)
    if found is None and len(env.tx.webhooks.of(caller.account, env.region)) >= MOST:
        raise LimitExceeded(f"There are {MOST} webhooks already, as many as there can be: delete one first.")
    kinds = tuple(dict.fromkeys(Kind(event) for event in events)) if events else tuple(Kind)
    webhook = Webhook(caller.account, env.region, name, url, kinds, env.now)
    sealed = None if found is None or signing_secret is not None else env.tx.webhooks.sealed(found)
    made = None
    if sealed is None:
        made = SecretValue(signing_secret or randomness.token_urlsafe(32))
        sealed = env.server.keyset.seal(made, _context(webhook.account, webhook.region, name))
    env.tx.webhooks.put(webhook, sealed)
    kept = env.tx.webhooks.find(caller.account, env.region, name)
    return Made(kept or webhook, made if signing_secret is None else None)


def list_webhooks(env: Env, caller: Principal) -> list[Standing]:
    """List the account's webhooks in the region by name."""
    _allow(env, caller, "ListWebhooks")
    found = env.tx.webhooks.of(caller.account, env.region)
    return [Standing(webhook, env.tx.webhooks.count_news(webhook)) for webhook in found]


def delete_webhook(env: Env, caller: Principal, *, name: str) -> Webhook:
    """Delete a webhook with the news that wait for it."""
    _allow(env, caller, "DeleteWebhook")
    found = env.tx.webhooks.find(caller.account, env.region, name)
    if found is None:
        raise NotFound(f"There is no webhook {name} in {env.region}: ListWebhooks names all.")
    env.tx.webhooks.drop(found)
    return found


def signing_secret_of(env: Env, webhook: Webhook) -> SecretValue | None:
    """Open a webhook's signing secret; None: it was deleted. Raises CannotOpen."""
    sealed = env.tx.webhooks.sealed(webhook)
    context = _context(webhook.account, webhook.region, webhook.name)
    return None if sealed is None else env.server.keyset.open(sealed, context)


def reseal(env: Env, one: StaleWebhook) -> None:
    """Seal a signing secret anew by the root keyset's primary key. Raises CannotOpen."""
    keyset, context = env.server.keyset, _context(one.account, one.region, one.name)
    env.tx.webhooks.reseal(one.key, keyset.seal(keyset.open(one.sealed, context), context))


def _allow(env: Env, caller: Principal, operation: str) -> None:
    """Ask for all secrets: a webhook hears of each of them."""
    allow(env, caller, Ask(f"detent:{operation}", "*", caller.account))


def _check(name: str, url: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise BadParameter("A webhook's name has up to 64 letters, digits, dots, hyphens and underscores.")
    check_url(url)


def check_url(url: str) -> None:
    """Raise BadParameter for what is no URL that something can be posted to."""
    try:
        parts = urlsplit(url)
        is_good = bool(_URL.fullmatch(url)) and parts.scheme in ("http", "https") and bool(parts.hostname)
        is_good = is_good and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise BadParameter("The Url must be an http or https address, such as https://host:8080/path.")
    if "@" in parts.netloc:
        raise BadParameter("The Url must hold no user name and password: everyone who may list it reads it.")


def _context(account: str, region: str, name: str) -> str:
    return f"webhook\n{account}\n{region}\n{name}"
