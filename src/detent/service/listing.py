"""ListSecrets, and the pages of whatever else takes its filters."""

from collections.abc import Iterable
from dataclasses import replace

from detent.model.errors import BadParameter
from detent.model.policy import Ask, Principal
from detent.model.search import Filter, Key, Place, Sort, place
from detent.model.secret import Secret
from detent.service.authorization import allow
from detent.service.env import Env
from detent.service.paging import Paged, page_start, token_for
from detent.store.protocol import Page

GivenFilter = tuple[str | None, list[str] | None]  # a key and values, as they were sent
MAX_WORDS = 1000  # in all values together: each is looked up on its own
_PAGE = 100  # the reference's default page size is unconfirmed


def list_secrets(
    env: Env,
    caller: Principal,
    *,
    include_planned_deletion: bool | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
    filters: Iterable[GivenFilter] | None = None,
    sort_by: str | None = None,
    sort_order: str | None = None,
) -> Paged[Secret]:
    """List the caller's secrets (B.7, J.3)."""
    allow(env, caller, Ask("secretsmanager:ListSecrets", "*", caller.account))
    return page_of(
        env,
        caller,
        filters=filters_of(filters or ()),
        sort=Sort(sort_by or Sort.CREATED),
        descending=sort_order == "desc",  # a Choice of the reference: else oldest first (J.3)
        with_deleted=bool(include_planned_deletion),
        limit=max_results or _PAGE,
        token=next_token,
        bound="ListSecrets",
    )


def page_of(
    env: Env,
    caller: Principal,
    *,
    filters: tuple[Filter, ...],
    limit: int,
    token: str | None,
    bound: str,
    sort: Sort = Sort.CREATED,
    descending: bool = False,
    with_deleted: bool = False,
) -> Paged[Secret]:
    """Give a page of the caller's secrets; its token is good for the same question of the same operation only.

    `bound` names the operation. Raises BadPage for any other token.
    """
    asked = Page(caller.account, env.region, limit + 1, None, filters, sort, descending, with_deleted)
    question = f"{bound} {asked.account} {asked.region} {sort} {descending} {with_deleted} {filters}"
    found = env.tx.secrets.page(replace(asked, after=place_of(page_start(env, token, question))))
    listed = found[:limit]
    return Paged(listed, place_token(env, place(listed[-1], sort), question) if len(found) > limit else None)


def filters_of(given: Iterable[GivenFilter]) -> tuple[Filter, ...]:
    """Make filters of what was sent. Raises BadParameter in the reference's words (J.3)."""
    filters = tuple(_filter(key, values) for key, values in given)
    if sum(len(sought.prefixes) for one in filters for sought in one.sought) > MAX_WORDS:
        raise BadParameter(f"The filters have more than {MAX_WORDS} words in all.")  # AWS's own bound is not known
    return filters


def _filter(key: str | None, values: list[str] | None) -> Filter:
    if key is None:
        raise BadParameter("Invalid filter key")
    if values is None:
        raise BadParameter(f"Invalid filter values for key: {key}")
    return Filter(Key(key), tuple(values))


def place_of(position: str | None) -> Place | None:
    """Read the position that `place_token` was given; None: at the beginning."""
    if position is None:
        return None
    rank, _, name = position.partition(" ")
    return Place(int(rank), name)


def place_token(env: Env, place: Place, question: str) -> str:
    """Make the token under which a list of secrets goes on behind this place."""
    return token_for(env, f"{place.rank} {place.name}", question)
