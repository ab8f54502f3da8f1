"""Bringing a store's schema up to date: numbered files, forward only, after a copy of the store is made."""

import fcntl
import importlib.resources
import re
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detent.store import queries, rows
from detent.store.protocol import StoreUnusable
from detent.store.search import keep_terms
from detent.store.sqlite import connect

_TERMS = 4  # the schema from which on secrets have terms


def migrations() -> Mapping[int, str]:
    """Give every migration's SQL by its number, in order."""
    folder = importlib.resources.files("detent.store.migrations")
    found = {int(match[1]): file for file in folder.iterdir() if (match := re.match(r"(\d{4})_.*\.sql$", file.name))}
    return {number: found[number].read_text(encoding="utf-8") for number in sorted(found)}


def migrate(path: Path, *, to: int | None = None) -> int:
    """Bring the store to the newest schema (or `to`), in one transaction; gives the schema it had, 0 when new.

    Raises StoreUnusable, and changes nothing, when the store is no SQLite file or was made by a newer Detent.
    """
    steps = migrations()
    newest = max(steps) if to is None else to
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several servers may start on one folder at once
        require_known_schema(path)
        found = _schema_of(path)
        connection = connect(path)
        try:
            _apply(connection, path, found, {n: sql for n, sql in steps.items() if found < n <= newest})
        finally:
            connection.close()
    return found


def require_known_schema(path: Path) -> None:
    """Raise StoreUnusable, having changed nothing, for a store that is none or was made by a newer Detent."""
    found, newest = _schema_of(path), max(migrations())
    if found > newest:
        raise StoreUnusable(
            f"the store {path} has schema {found}, this Detent knows up to {newest}: start a newer Detent"
        )
    if not found and path.exists() and _look(path, "SELECT name FROM sqlite_master") is not None:
        raise StoreUnusable(f"the store {path} is another program's SQLite file: name another data folder")


def require_newest_schema(path: Path) -> None:
    """Raise StoreUnusable, having changed nothing, for a store that is not as this Detent's server would leave it.

    It is not brought up to date here: an older server may have it open.
    """
    require_known_schema(path)
    found, newest = _schema_of(path), max(migrations())
    if found < newest:
        raise StoreUnusable(
            f"the store {path} has schema {found}, this Detent needs {newest}: start its server on the folder once"
        )


def read_fact(path: Path, name: str) -> bytes | None:
    """Read a fact of a store without changing the file; None: it has none of that name. Raises StoreUnusable."""
    if not _schema_of(path):
        return None  # a first start was cut off before the store had its tables
    found = _look(path, "SELECT value FROM facts WHERE name = ?", name)
    return None if found is None else found[0]


def add_fact(path: Path, name: str, value: bytes) -> None:
    """Write a fact into a store that has its tables, unless one of that name stands there. Raises StoreUnusable."""
    connection = connect(path)
    try:
        connection.execute(queries.ADD_FACT, (name, value))
    except sqlite3.Error as error:
        raise StoreUnusable(f"cannot write to the store {path}: {error}") from None
    finally:
        connection.close()


def _schema_of(path: Path) -> int:
    found = _look(path, "PRAGMA user_version") if path.exists() else None
    return 0 if found is None else found[0]


def _look(path: Path, sql: str, *values: str) -> Any:  # noqa: ANN401 - a row
    """Run one query, and leave the store and what lies beside it as they were.

    SQLite: for a WAL database it makes `-wal` and `-shm` files even for whoever only reads, and one who may not write
    cannot take them away again; not so when the file is called immutable. It is when it has no log, for then nobody
    has it open. Where there is one it is read; whoever has opened the store meanwhile has made one.
    """
    log = path.resolve().with_name(f"{path.resolve().name}-wal")
    if not log.exists():
        row = _query(f"{path.absolute().as_uri()}?mode=ro&immutable=1", path, sql, values)
        if not log.exists():
            return row
    return _query(f"{path.absolute().as_uri()}?mode=ro", path, sql, values)


def _query(uri: str, path: Path, sql: str, values: Sequence[str]) -> Any:  # noqa: ANN401 - a row
    try:
        connection = sqlite3.connect(uri, uri=True)
        try:
            return connection.execute(sql, values).fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreUnusable(f"cannot read the store {path}: {error}") from None


def _apply(connection: sqlite3.Connection, path: Path, found: int, steps: Mapping[int, str]) -> None:
    if not steps:
        return
    if found:
        _copy(connection, path.with_name(f"{path.stem}.before-schema-{max(steps)}{path.suffix}"))
    statements = "\n".join(steps.values())
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{statements}")
        if 0 < found < _TERMS <= max(steps):
            _build_terms(connection)
        connection.execute(f"PRAGMA user_version = {max(steps)}")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreUnusable(f"cannot bring the store {path} from schema {found} to {max(steps)}: {error}") from None


def _build_terms(connection: sqlite3.Connection) -> None:
    """Make what secrets are found by, which SQL cannot: at the end, when their rows are as the code reads them."""
    for row in connection.execute(queries.SECRETS):
        keep_terms(connection.execute, rows.secret(row))


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    """Copy the store, readable by its owner only, in the form a reader of the folder would find it."""
    target.touch(mode=0o600)
    copy = sqlite3.connect(target)
    try:
        connection.backup(copy)
    finally:
        copy.close()
