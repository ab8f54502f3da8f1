"""A value opens in its own version under its own keyset, or not at all: never as garbage, never as another's."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from detent.crypto.keyset import version_context
from detent.crypto.root import RootKeyset
from detent.model.value import SecretValue
from servers.canary import Canary
from servers.detent import running

FAILURE = "DecryptionFailure"


def swapped(store: sqlite3.Connection) -> None:
    """Give each of two secrets the other's ciphertext."""
    one, two = store.execute("SELECT secret_key, ciphertext FROM versions ORDER BY secret_key LIMIT 2").fetchall()
    for (key, _), (_, ciphertext) in ((one, two), (two, one)):
        store.execute("UPDATE versions SET ciphertext = ? WHERE secret_key = ?", (ciphertext, key))


def turned_bit(store: sqlite3.Connection) -> None:
    for key, ciphertext in store.execute("SELECT secret_key, ciphertext FROM versions LIMIT 2").fetchall():
        changed = ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
        store.execute("UPDATE versions SET ciphertext = ? WHERE secret_key = ?", (changed, key))


def sealed_elsewhere(store: sqlite3.Connection) -> None:
    """Seal values of the right context under a keyset that this server does not have."""
    folder = Path(store.execute("PRAGMA database_list").fetchone()[2]).parent.parent
    other = RootKeyset.create(folder / "other.json")
    rows = store.execute("SELECT key, arn, id FROM versions JOIN secrets ON key = secret_key LIMIT 2").fetchall()
    for key, arn, version in rows:
        sealed = other.seal(SecretValue("another's"), version_context(arn, version))
        store.execute("UPDATE versions SET ciphertext = ? WHERE secret_key = ?", (sealed.ciphertext, key))


@pytest.mark.parametrize("tamper", [swapped, turned_bit, sealed_elsewhere], ids=lambda tamper: tamper.__name__)
def test_a_value_that_was_tampered_with_is_refused_and_the_others_are_read(
    tmp_path: Path, canary: Canary, tamper: Callable[[sqlite3.Connection], None]
) -> None:
    with running(tmp_path / "data") as server:
        for name in ("one", "two", "three"):
            server.client().create_secret(Name=name, SecretString=canary.value(name), ClientRequestToken=name * 11)
        server.stop()
    store = sqlite3.connect(tmp_path / "data" / "store.sqlite")
    tamper(store)
    store.commit()
    store.close()
    with running(tmp_path / "data") as server:
        client = server.client()
        batch = client.batch_get_secret_value(SecretIdList=["one", "two", "three"])
        assert [(error["SecretId"], error["ErrorCode"]) for error in batch["Errors"]] == [
            ("one", FAILURE),
            ("two", FAILURE),
        ]
        assert [entry["SecretString"] for entry in batch["SecretValues"]] == [canary.value("three")]
        for name in ("one", "two"):
            with pytest.raises(ClientError, match=FAILURE):
                client.get_secret_value(SecretId=name)
            with pytest.raises(ClientError, match=FAILURE):  # whether it is a replay cannot be told
                client.put_secret_value(SecretId=name, SecretString=canary.value(name), ClientRequestToken=name * 11)
            client.put_secret_value(SecretId=name, SecretString=canary.value("-again"))
            assert client.get_secret_value(SecretId=name)["SecretString"] == canary.value("-again")
        assert client.get_secret_value(SecretId="three")["SecretString"] == canary.value("three")
        canary.texts += [server.log.read_text(), *server.refusals]
