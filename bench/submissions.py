"""The yardstick of writes: the store alone, in this process, doing what every PutSecretValue must do."""

import threading
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Self
from uuid import uuid4

from bench.servers import REGION
from detent.crypto.keyset import ROOT_KEYSET_ID
from detent.main.folder import SystemClock
from detent.model.secret import Secret, SecretKey, Version, VersionId
from detent.model.value import SealedValue
from detent.store.migrate import migrate
from detent.store.protocol import Tx
from detent.store.sqlite import SqliteStore

ACCOUNT = "000000000000"
SEALED = SealedValue(b"s" * 240, ROOT_KEYSET_ID)


class Submissions:
    """Writers that submit to one store, each its next version as soon as it is told of the last."""

    def __init__(self, folder: Path, secrets: int) -> None:
        """Make the store in this folder, with so many secrets."""
        folder.mkdir()
        migrate(folder / "store.sqlite")
        self._store = SqliteStore(folder / "store.sqlite", SystemClock())
        self._secrets = keep_secrets(self._store, secrets)
        self._turns = count()

    def __enter__(self) -> Self:
        """Nothing is left to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self._store.close()

    def rate(self, writers: int, seconds: float) -> float:
        """Give the writes a second of so many threads, each of which waits for its write before the next."""
        until, counts = time.perf_counter() + seconds, [0] * writers

        def run(number: int) -> None:
            while time.perf_counter() < until:
                self._submitted().result()
                counts[number] += 1

        return self._timed(counts, [threading.Thread(target=run, args=(number,)) for number in range(writers)])

    def best_rate(self, writers: int, seconds: float) -> float:
        """Give it without threads to wake: each write is followed by the next in the store's own thread."""
        until, counts = time.perf_counter() + seconds, [0] * writers

        def run(number: int) -> None:
            ended = threading.Event()

            def follow(told: "Future[None]") -> None:
                counts[number] += told.exception() is None
                if told.exception() is None and time.perf_counter() < until:
                    self._submitted().add_done_callback(follow)
                else:
                    ended.set()

            self._submitted().add_done_callback(follow)
            ended.wait()

        return self._timed(counts, [threading.Thread(target=run, args=(number,)) for number in range(writers)])

    def _timed(self, counts: list[int], threads: list[threading.Thread]) -> float:
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.perf_counter() - began)

    def _submitted(self) -> "Future[None]":
        turn = next(self._turns)
        return self._store.submit(lambda tx: self._write(tx, turn))

    def _write(self, tx: Tx, turn: int) -> None:
        """Make a version of the secret whose turn it is: runs in the writer, so never twice at once."""
        place, now, token = turn % len(self._secrets), datetime.now(UTC), VersionId(str(uuid4()))
        written = self._secrets[place].version_written(token, None, now)
        tx.secrets.put_version(written.key, Version(token, now, SEALED.keyset_id), SEALED)
        self._secrets[place] = tx.secrets.save(written)


def keep_secrets(store: SqliteStore, wanted: int) -> list[Secret]:
    """Keep so many secrets, without values."""
    return store.write(lambda tx: [tx.secrets.add(_secret(number)) for number in range(wanted)])


def _secret(number: int) -> Secret:
    name, now = f"bench/{number}", datetime.now(UTC)
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"
    return Secret(SecretKey(0), ACCOUNT, REGION, name, arn, now, now)
