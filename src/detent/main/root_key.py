"""A new access key for the folder's root in the place of the one it gives out.

A kill at any moment leaves a key that works, and the next run makes good what was left half done:

- The new key is committed, with the note that it is to succeed, before anybody is told it.
- It is given out, into the credentials file or to the caller, before the old one goes.
- Root may hold two keys, so a successor that was never given out goes before another one is made.
"""

from collections.abc import Callable
from typing import Any, Final

from detent.main.folder import ROOT_KEY
from detent.main.operating import Operator
from detent.store.protocol import Tx

_SUCCESSOR: Final = "succeeding root access key"  # a fact: the id of the key that is being given out; empty: none is


def rotate_root(operator: Operator, given_out: str | None, give_out: Callable[[str, str], None]) -> None:
    """Make a key, let `give_out` tell its id and secret, then end the folder's old one.

    `given_out` is the id in the credentials file, None when there is no such file. Raises the client's refusal when
    root has a second key that was made otherwise.
    """
    made = operator.write(lambda tx, within: _begin(tx, within.own, given_out))
    give_out(made["AccessKeyId"], made["SecretAccessKey"])
    operator.write(lambda tx, within: _conclude(tx, within.own, made["AccessKeyId"]))


def _begin(tx: Tx, own: Any, given_out: str | None) -> dict[str, Any]:  # noqa: ANN401 - in boto3's shape
    left = _fact(tx, _SUCCESSOR)
    if left and left == given_out:
        _conclude(tx, own, left)
    elif left:
        _drop(tx, own, left)
    made: dict[str, Any] = own.create_access_key()
    tx.keep_fact(_SUCCESSOR, made["AccessKeyId"].encode())
    return made


def _conclude(tx: Tx, own: Any, successor: str) -> None:  # noqa: ANN401 - in boto3's shape
    _drop(tx, own, _fact(tx, ROOT_KEY))
    tx.keep_fact(ROOT_KEY, successor.encode())
    tx.keep_fact(_SUCCESSOR, b"")


def _drop(tx: Tx, own: Any, key_id: str) -> None:  # noqa: ANN401 - in boto3's shape
    if tx.access_keys.find(key_id) is not None:
        own.delete_access_key(AccessKeyId=key_id)


def _fact(tx: Tx, name: str) -> str:
    return (tx.fact(name) or b"").decode()
