"""Pages of secrets in SQL: the rule of `model.search.matches` as conditions, and three ways to what meets them.

No one way is fast whatever the secrets are like; `bench/lists.py` measures them all.
- **gather**: when few terms lie in the ranges of a filter, their secrets are looked up and sorted;
- **look**: else the next secrets of the order are tried one by one, which fills a page where many match;
- **scan**: when that did not, the keys of all that a filter finds are put together once, and the order is read on
  along its index without touching the secrets that are not among them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from detent.model.search import Filter, Key, Place, Sort, Sought, end_of_prefix, place, terms
from detent.model.secret import Secret
from detent.store import queries, rows
from detent.store.protocol import Page

FEW = 1000  # terms whose secrets are looked up in less time than a long index is read along
LOOK = 1000  # secrets that are tried one by one before keys are put together

_KINDS = {
    Key.ALL: 1,
    Key.DESCRIPTION: 2,
    Key.OWNING_SERVICE: 3,
    Key.PRIMARY_REGION: 4,
    Key.TAG_KEY: 5,
    Key.TAG_VALUE: 6,
}  # written in every store: never another number for one of them
_COLUMNS = {
    Sort.CREATED: ("s.created_at", "s.name"),
    Sort.CHANGED: ("s.changed_at", "s.name"),
    Sort.ACCESSED: ("s.read_day", "s.name"),
    Sort.NAME: ("s.name",),
}
Run = Callable[[str, Mapping[str, Any]], Any]


def keep_terms(run: Run, secret: Secret, before: Secret | None = None) -> None:
    """Write what a secret is found by, as far as it differs from before; None: nothing is written yet.

    What `model.search.terms` gives for a secret is therefore never changed without a migration that writes it anew.
    """
    now, had = _kept_terms(secret), set() if before is None else _kept_terms(before)
    for sql, changed in ((queries.DROP_TERM, had - now), (queries.ADD_TERM, now - had)):
        for kind, term in sorted(changed):
            run(sql, {"kind": kind, "term": term, "key": secret.key})


def _kept_terms(secret: Secret) -> set[tuple[int, str]]:
    return {(_KINDS[key], term) for key, found in terms(secret).items() if key in _KINDS for term in found}


def listed(run: Run, page: Page) -> list[Secret]:
    """Find a page. What is scheduled for deletion stands apart in every index: two lists are merged."""
    found = [secret for live in ((True, False) if page.with_deleted else (True,)) for secret in _part(run, page, live)]
    found.sort(key=lambda secret: place(secret, page.sort), reverse=page.descending)
    return found[: page.limit]


def _part(run: Run, page: Page, live: bool) -> list[Secret]:
    if all(one.key is Key.NAME for one in page.filters):
        return Query(run, page, live).along(queries.COLLECTED, page.after, None, page.limit)
    for one in page.filters:
        gathered = Query(run, page, live).gathered(one)
        if gathered is not None:
            return gathered
    edge = Query(run, page, live).edge()
    found = Query(run, page, live).along(queries.PROBED, page.after, edge, page.limit)
    if edge is None or len(found) == page.limit:
        return found
    return found + Query(run, page, live).along(queries.COLLECTED, edge, None, page.limit - len(found))


class Query:
    """One statement as it is put together. Every value is bound, under a name of its own."""

    def __init__(self, run: Run, page: Page, live: bool) -> None:
        """Ask for the live secrets of a page, or for those scheduled for deletion."""
        self._run = run
        self._page = page
        self._params: dict[str, Any] = {"account": page.account, "region": page.region, "live": live}
        self._onward, self._back, self._direction = (">", "<=", "") if not page.descending else ("<", ">=", " DESC")

    def along(self, test: str, after: Place | None, until: Place | None, limit: int) -> list[Secret]:
        """Read the order's index from one place to another, for secrets that pass the tests."""
        return self._secrets([queries.ALONG_INDEX, *self._between(after, until), *self._wanted(test)], limit)

    def edge(self) -> Place | None:
        """Find where a look ends; None: not that many secrets are left."""
        conditions = " AND ".join([queries.ALONG_INDEX, *self._between(self._page.after, None)])
        columns = ", ".join(_COLUMNS[self._page.sort])
        sql = queries.PLACE_WHERE.format(columns=columns, conditions=conditions, order=self._order())
        row = self._run(sql, {**self._params, "skipped": LOOK - 1}).fetchone()
        return None if row is None else Place(0 if len(row) == 1 else row[0], row[-1])

    def gathered(self, one: Filter) -> list[Secret] | None:
        """Look up the secrets that one filter finds; None: they are not few, or not found by their terms."""
        if one.key is Key.NAME or any(sought.negated for sought in one.sought):
            return None
        ranges = [self._narrowest(one.key, sought) for sought in one.sought]
        keys = " UNION ALL ".join(queries.KEYS_OF_TERMS.format(range=found) for found in ranges)
        if len(self._run(f"{keys} LIMIT :few", {**self._params, "few": FEW}).fetchall()) == FEW:
            return None
        among = queries.AMONG_KEYS.format(keys=keys)
        conditions = [among, *self._between(self._page.after, None), *self._wanted(queries.PROBED)]
        return self._secrets(conditions, self._page.limit)

    def _secrets(self, conditions: list[str], limit: int) -> list[Secret]:
        sql = queries.SECRETS_WHERE.format(conditions=" AND ".join(conditions), order=self._order())
        return [rows.secret(row) for row in self._run(sql, {**self._params, "limit": limit}).fetchall()]

    def _order(self) -> str:
        return ", ".join(column + self._direction for column in _COLUMNS[self._page.sort])

    def _between(self, after: Place | None, until: Place | None) -> list[str]:
        ends = ((after, self._onward), (until, self._back))
        return [self._beside(place, sign) for place, sign in ends if place is not None]

    def _beside(self, place: Place, sign: str) -> str:
        columns = _COLUMNS[self._page.sort]
        bound = [self._bind(value) for value in (place.rank, place.name)[-len(columns) :]]
        return f"({', '.join(columns)}) {sign} ({', '.join(bound)})"

    def _wanted(self, test: str) -> list[str]:
        """Give `model.search.matches` as conditions: one a filter, its values joined by OR."""
        return [
            f"({' OR '.join(self._met(one.key, sought, test) for sought in one.sought)})" for one in self._page.filters
        ]

    def _met(self, key: Key, sought: Sought, test: str) -> str:
        found = " AND ".join(self._tested(key, prefix, test) for prefix in sought.prefixes) or "FALSE"
        return f"NOT ({found})" if sought.negated else f"({found})"

    def _tested(self, key: Key, prefix: str, test: str) -> str:
        return self._begins("+s.name", prefix) if key is Key.NAME else test.format(range=self._range(key, prefix))

    def _narrowest(self, key: Key, sought: Sought) -> str:
        return self._range(key, max(sought.prefixes, key=len)) if sought.prefixes else "FALSE"

    def _range(self, key: Key, prefix: str) -> str:
        return f"t.kind = {self._bind(_KINDS[key])} AND {self._begins('t.term', prefix)}"

    def _begins(self, column: str, prefix: str) -> str:
        start, end = f"{column} >= {self._bind(prefix)}", end_of_prefix(prefix)
        return start if end is None else f"{start} AND {column} < {self._bind(end)}"

    def _bind(self, value: object) -> str:
        name = f"v{len(self._params)}"
        self._params[name] = value
        return f":{name}"
