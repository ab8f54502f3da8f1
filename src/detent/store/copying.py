"""A consistent copy of the store, made while it is written to, and made fit to be served again."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from detent.store import queries
from detent.store.protocol import StoreUnusable
from detent.store.sqlite import connect


def copy_store(source: Path, target: Path, facts: Mapping[str, bytes]) -> None:
    """Copy a store as of one commit into an empty file, with these facts, and check the copy. Raises StoreUnusable.

    SQLite's online backup, in one step: writers go on meanwhile, and the copy has no log beside it.
    """
    live, copy = connect(source), sqlite3.connect(target, isolation_level=None)
    try:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        for name, value in facts.items():
            copy.execute(queries.KEEP_FACT, {"name": name, "value": value})
        found = copy.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise StoreUnusable(f"the copy of {source} is damaged: {found}")
    except sqlite3.Error as error:
        raise StoreUnusable(f"cannot copy the store {source}: {error}") from None
    finally:
        live.close()
        copy.close()


def make_servable(path: Path, dropped: str, facts: Mapping[str, bytes]) -> None:
    """End what a copy must not bring along, drop one fact and keep others. Raises StoreUnusable."""
    copy = sqlite3.connect(path, isolation_level=None)
    try:
        copy.execute("BEGIN IMMEDIATE")
        copy.execute(queries.DROP_ALL_SESSIONS)
        copy.execute(queries.RELEASE_LEASES)
        copy.execute(queries.DROP_FACT, {"name": dropped})
        for name, value in facts.items():
            copy.execute(queries.KEEP_FACT, {"name": name, "value": value})
        copy.execute("COMMIT")
        copy.execute("PRAGMA journal_mode = DELETE")  # what the migration left in the log comes into the file
    except sqlite3.Error as error:
        raise StoreUnusable(f"cannot make the store {path} ready: {error}") from None
    finally:
        copy.close()
