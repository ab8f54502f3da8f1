"""A page is what the rule of `model.search` says, on every store: filters, orders, and going on in either direction."""

import itertools
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.test_stores import STORES
from detent.model.search import Filter, Key, Place, Sort, matches, place
from detent.model.secret import Secret
from detent.store import search
from detent.store.protocol import Page, Store
from servers.world import SimulatedClock
from servers.writers import ACCOUNT, NOW, REGION, a_secret

WORDS = ["a", "app", "apple", "Secret", "FTag", "COMPANYthings", "2", "ä", "ω", "😀", "\ud7ff", "\U0010ffff"]
TEXT = st.lists(st.sampled_from([*WORDS, " ", "/", "+", "_"]), max_size=4).map("".join)
VALUE = st.builds(str.__add__, st.sampled_from(["", "", "!"]), TEXT)
FILTER = st.builds(Filter, st.sampled_from(Key), st.lists(VALUE, min_size=1, max_size=3).map(tuple))
MEMBERS = st.fixed_dictionaries(
    {
        "created": st.integers(0, 2).map(lambda days: NOW + timedelta(days=days)),
        "changed": st.integers(0, 2).map(lambda days: NOW + timedelta(days=days)),
        "accessed": st.none() | st.integers(1, 3).map(date.fromordinal),
        "deletion": st.none() | st.just(NOW),
        "description": st.none() | TEXT,
        "tags": st.none() | st.dictionaries(TEXT, TEXT, max_size=3),
    }
)
NAME = st.sampled_from([*"abcdefgh", "app/1", "app/2", "SecretFTag", "z2"])
ASKED = st.builds(
    Page,
    st.just(ACCOUNT),
    st.just(REGION),
    st.integers(1, 4),
    st.none(),
    st.lists(FILTER, max_size=3).map(tuple),
    st.sampled_from(Sort),
    st.booleans(),
    st.booleans(),
)
NUMBER = itertools.count()


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = STORES[request.param](tmp_path_factory.mktemp("listing"), SimulatedClock())
    yield store
    store.close()


@pytest.fixture(params=[(1000, 1000), (3, 2), (1, 3)], ids=["gathering", "looking", "scanning"])
def _ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few secrets take the ways that a hundred thousand would."""
    for name, size in zip(("FEW", "LOOK"), request.param, strict=True):
        monkeypatch.setattr(search, name, size)


def kept(store: Store, account: str, members: dict[str, dict[str, Any]]) -> list[Secret]:
    """Keep secrets, half of them by changing what was kept before."""

    def work(tx: Any) -> list[Secret]:
        known = []
        for name, chosen in members.items():
            secret = a_secret(name, account=account, **chosen)
            if len(known) % 2:
                before = tx.secrets.add(replace(secret, tags={"Before": "app"}, description="app", deletion=None))
                known.append(tx.secrets.save(replace(secret, key=before.key)))
            else:
                known.append(tx.secrets.add(secret))
        return known

    return store.write(work)


def pages(store: Store, page: Page) -> list[str]:
    """Read on until there is no more, by the place of each page's last."""
    names: list[str] = []
    with store.read() as tx:
        while found := tx.secrets.page(page):
            assert len(found) <= page.limit
            names += [one.name for one in found]
            page = replace(page, after=place(found[-1], page.sort))
    return names


@pytest.mark.usefixtures("_ways")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(secrets=st.dictionaries(NAME, MEMBERS, max_size=10), asked=ASKED)
def test_pages_hold_what_the_rule_says_in_the_order_asked_for(
    store: Store, secrets: dict[str, dict[str, Any]], asked: Page
) -> None:
    asked = replace(asked, account=f"{next(NUMBER):012}")  # the examples share a store, and must not see one another
    found = [one for one in kept(store, asked.account, secrets) if matches(one, asked.filters)]
    wanted = [one for one in found if asked.with_deleted or one.deletion is None]
    wanted.sort(key=lambda one: place(one, asked.sort), reverse=asked.descending)
    assert pages(store, asked) == [one.name for one in wanted]


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_is_read_along_an_index_of_its_own_and_never_sorted(
    tmp_path: Path,
    sort: Sort,
    descending: bool,
) -> None:
    store = STORES["sqlite"](tmp_path, SimulatedClock())
    store.close()
    connection = sqlite3.connect(tmp_path / "store.sqlite")
    plans: list[str] = []

    def run(sql: str, params: Mapping[str, Any]) -> sqlite3.Cursor:
        plans.append(" / ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)))
        return connection.execute(sql, params)

    filters = (Filter(Key.TAG_KEY, ("!x",)), Filter(Key.NAME, ("a",)))
    search.listed(run, Page(ACCOUNT, REGION, 9, Place(5, "a"), filters, sort, descending))
    search.listed(run, Page(ACCOUNT, REGION, 9, Place(5, "a"), (), sort, descending))
    connection.close()
    index = {Sort.CREATED: "creation", Sort.CHANGED: "change", Sort.ACCESSED: "access", Sort.NAME: "name"}[sort]
    assert len(plans) == 3
    assert all(f"INDEX secrets_by_{index} (account=? AND region=? AND live=? AND " in plan for plan in plans)
    assert not any("TEMP B-TREE" in plan for plan in plans)


def test_saving_a_secret_without_changing_what_it_is_found_by_leaves_its_terms_alone(tmp_path: Path) -> None:
    store = STORES["sqlite"](tmp_path, SimulatedClock())
    secret = store.write(lambda tx: tx.secrets.add(a_secret(tags={"k": "v"})))
    connection = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    connection.execute("DELETE FROM terms")
    labelled = store.write(lambda tx: tx.secrets.save(replace(secret, labels={"AWSCURRENT": "v1"})))
    assert connection.execute("SELECT count(*) FROM terms").fetchone() == (0,)
    store.write(lambda tx: tx.secrets.save(replace(labelled, tags={"k": "w"})))
    assert connection.execute("SELECT count(*) FROM terms").fetchone() != (0,)
    store.write(lambda tx: tx.secrets.erase(secret.key))
    assert connection.execute("SELECT count(*) FROM terms").fetchone() == (0,)
    connection.close()
    store.close()
