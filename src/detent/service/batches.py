"""BatchGetSecretValue: the current values of several secrets, each read as GetSecretValue reads it."""

from collections.abc import Iterable
from typing import NamedTuple

from detent.model.errors import BadPage, BadParameter, DetentError
from detent.model.policy import Ask, Principal
from detent.service.authorization import allow
from detent.service.env import Env
from detent.service.listing import GivenFilter, filters_of, page_of
from detent.service.paging import Paged
from detent.service.versions import ReadValue, get_secret_value

_PAGE = 20


class Tried(NamedTuple):
    """One secret that was asked for, and its current value, or why there is none for this caller."""

    secret_id: str  # as it was asked for; an ARN where a filter found it (a Choice)
    outcome: ReadValue | DetentError


def batch_get_secret_value(
    env: Env,
    caller: Principal,
    *,
    secret_id_list: list[str] | None = None,
    filters: Iterable[GivenFilter] | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Paged[Tried]:
    """Read the current values of the secrets named or found (B.4); one that cannot be read fails alone."""
    allow(env, caller, Ask("secretsmanager:BatchGetSecretValue", "*", caller.account))
    if (secret_id_list is None) == (filters is None):  # an empty list of filters is one, and finds all (a Choice)
        raise BadParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    if filters is not None:
        return _found(env, caller, filters, max_results or _PAGE, next_token)
    if max_results is not None:
        raise BadParameter("'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
    if next_token is not None:  # a list of ids has no pages: no token can be of it
        raise BadPage
    named = dict.fromkeys(secret_id_list or ())  # Choice: an id given twice is answered once, where it stood first
    return Paged([_tried(env, caller, secret_id) for secret_id in named], None)


def _found(env: Env, caller: Principal, filters: Iterable[GivenFilter], limit: int, token: str | None) -> Paged[Tried]:
    allow(env, caller, Ask("secretsmanager:ListSecrets", "*", caller.account))
    page = page_of(env, caller, filters=filters_of(filters), limit=limit, token=token, bound="BatchGetSecretValue")
    return Paged([_tried(env, caller, secret.arn) for secret in page.items], page.next_token)


def _tried(env: Env, caller: Principal, secret_id: str) -> Tried:
    try:
        return Tried(secret_id, get_secret_value(env, caller, secret_id=secret_id))
    except DetentError as error:
        return Tried(secret_id, error)
