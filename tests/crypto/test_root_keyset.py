"""The root keyset's file: new primary keys, processes that share it, and what wraps it."""

import base64
import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from detent.crypto import root as rooms
from detent.crypto import wrapping
from detent.crypto.keyset import Keyset, prefix_of
from detent.crypto.root import KeysetUnreadable, RootKeyset
from detent.model.errors import CannotOpen
from detent.model.value import SealedValue, SecretValue
from servers.canary import Canary

GOOD = b"correct horse battery staple"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyset.json"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """One derivation in the real cost is tried below; here it would only take time."""
    monkeypatch.setattr(wrapping, "_COST", {"memory_kib": 64, "iterations": 1, "lanes": 1})


def opened(keyset: RootKeyset, sealed: SealedValue) -> str | bytes:
    return keyset.open(sealed, "c").reveal()


def test_a_new_primary_seals_and_the_old_key_still_opens(path: Path) -> None:
    keyset = RootKeyset.create(path)
    old = keyset.seal(SecretValue("old"), "c")
    keyset.rotate()
    new = keyset.seal(SecretValue("new"), "c")
    assert prefix_of(new) == keyset.prefix != prefix_of(old)
    assert (opened(keyset, old), opened(keyset, new)) == ("old", "new")
    assert [key.is_primary for key in RootKeyset.load(path).keys] == [False, True]
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_process_meets_the_new_key_before_it_knows_it(path: Path) -> None:
    first = RootKeyset.create(path)
    second = RootKeyset.load(path)
    first.rotate()
    sealed, keysets = first.seal(SecretValue("x"), "c"), first.sealed_keyset("k")
    assert opened(second, sealed) == "x"
    third = RootKeyset.load(path)
    first.rotate()
    assert prefix_of(third.seal(SecretValue("y"), "c")) == first.prefix
    assert second.opened_keyset("k", keysets).id == "k"


def test_a_sealed_keyset_is_opened_with_a_key_that_was_not_known(path: Path) -> None:
    first = RootKeyset.create(path)
    second = RootKeyset.load(path)
    first.rotate()
    assert second.opened_keyset("k", first.sealed_keyset("k")).id == "k"


def test_what_opens_with_no_key_does_not_read_the_file_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyset = RootKeyset.create(path)
    monkeypatch.setattr(rooms, "_read", lambda *_: pytest.fail("the file was read"))
    for ciphertext in (b"", b"\1abcdefgh", keyset.prefix + b"x" * 40):
        with pytest.raises(CannotOpen):
            keyset.open(SealedValue(ciphertext, "root"), "c")


def test_a_file_that_cannot_be_read_again_leaves_the_keys_that_are_known(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keyset = RootKeyset.create(path)
    sealed = keyset.seal(SecretValue("x"), "c")
    kept = path.read_text()
    path.write_text("not a keyset")
    assert opened(keyset, keyset.seal(SecretValue("y"), "c")) == "y"
    assert opened(keyset, sealed) == "x"
    assert "has changed and could not be read again" in caplog.text
    path.write_text(kept)


def test_a_key_that_could_not_be_read_is_there_once_the_file_is_mended(path: Path) -> None:
    first = RootKeyset.create(path)
    second = RootKeyset.load(path)
    first.rotate()
    sealed, kept = first.seal(SecretValue("x"), "c"), path.read_text()
    path.write_text("not a keyset")
    with pytest.raises(CannotOpen):
        opened(second, sealed)
    path.write_text(kept)
    assert opened(second, sealed) == "x"


@contextmanager
def being_read(keyset: RootKeyset, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Have a thread in the midst of reading the file again, until what is given is called."""
    real, began, goes_on = rooms._read, threading.Event(), threading.Event()

    def slow(*asked: Any) -> Any:
        began.set()
        assert goes_on.wait(30)
        return real(*asked)

    monkeypatch.setattr(rooms, "_read", slow)
    reading = threading.Thread(target=keyset.seal, args=(SecretValue("a"), "c"))
    reading.start()
    assert began.wait(30)
    try:
        yield goes_on.set
    finally:
        goes_on.set()
        reading.join()


def test_a_thread_that_meets_a_new_key_waits_for_the_one_that_reads_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = RootKeyset.create(path)
    second = RootKeyset.load(path)
    first.rotate()
    sealed, keyset = first.seal(SecretValue("x"), "c"), first.sealed_keyset("k")
    with being_read(second, monkeypatch) as go_on, ThreadPoolExecutor() as threads:
        value, other = threads.submit(opened, second, sealed), threads.submit(second.opened_keyset, "k", keyset)
        for one in (value, other):
            with pytest.raises(TimeoutError):
                one.result(timeout=0.1)
        go_on()
        assert value.result(30) == "x"
        assert other.result(30).id == "k"


def test_a_thread_that_needs_no_new_key_does_not_wait(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RootKeyset.create(path)
    second = RootKeyset.load(path)
    old = second.seal(SecretValue("old"), "c")
    first.rotate()
    with being_read(second, monkeypatch), ThreadPoolExecutor() as threads:
        assert threads.submit(opened, second, old).result(30) == "old"
        assert prefix_of(threads.submit(second.seal, SecretValue("x"), "c").result(30)) == prefix_of(old)
    assert prefix_of(second.seal(SecretValue("y"), "c")) == first.prefix


def test_a_key_that_another_thread_has_just_read_opens(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RootKeyset.create(path)
    second = RootKeyset.load(path)
    first.rotate()
    sealed = first.seal(SecretValue("x"), "c")

    def beaten(real: Callable[..., Any]) -> Callable[..., Any]:
        def tried(self: RootKeyset, *asked: Any) -> Any:
            try:
                return real(self, *asked)
            except CannotOpen:
                self.refresh()  # as another thread would, between the failure and what is made of it
                raise

        return tried

    for name in ("open", "_opened_keyset"):
        monkeypatch.setattr(Keyset, name, beaten(getattr(Keyset, name)))
    assert opened(second, sealed) == "x"
    first.rotate()
    assert second.opened_keyset("k", first.sealed_keyset("k")).id == "k"


def _rotate(path: Path, times: int) -> None:
    for _ in range(times):
        RootKeyset.load(path).rotate()


def test_of_keys_that_are_added_at_one_time_none_is_lost(path: Path) -> None:
    RootKeyset.create(path)
    adding = [multiprocessing.get_context("fork").Process(target=_rotate, args=(path, 5)) for _ in range(3)]
    for one in adding:
        one.start()
    for one in adding:
        one.join()
    assert len(RootKeyset.load(path).keys) == 16


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_rotation_that_is_cut_off_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    keyset = RootKeyset.create(path)
    before = path.read_bytes()

    def cut(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(*{"write": (os, "fdopen"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[step], cut)
        with pytest.raises(OSError, match="No space left"):
            keyset.rotate()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    keyset.rotate()
    assert len(keyset.keys) == 2


def test_customers_keysets_are_rotated_and_sealed_anew(path: Path) -> None:
    keyset = RootKeyset.create(path)
    sealed = keyset.sealed_keyset("k")
    value = keyset.opened_keyset("k", sealed).seal(SecretValue("x"), "c")
    rotated = keyset.rotated_keyset("k", sealed)
    assert keyset.opened_keyset("k", rotated).open(value, "c").reveal() == "x"
    assert keyset.opened_keyset("k", rotated).size == 2
    keyset.rotate()
    assert not keyset.sealed_last(rotated)
    again = keyset.resealed_keyset("k", rotated)
    assert keyset.sealed_last(again)
    assert keyset.opened_keyset("k", again).open(value, "c").reveal() == "x"


class TestPassphrase:
    def test_a_wrapped_file_opens_with_its_passphrase_alone(self, path: Path) -> None:
        keyset = RootKeyset.create(path)
        sealed = keyset.seal(SecretValue("x"), "c")
        plain = json.loads(path.read_text())
        keyset.wrap("passphrase", lambda: GOOD)
        assert plain["key"][0]["keyData"]["value"] not in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
        assert opened(RootKeyset.load(path, lambda: GOOD), sealed) == "x"
        assert keyset.wrapped_by == "passphrase"
        with pytest.raises(KeysetUnreadable, match="does not open: is it the right key or passphrase"):
            RootKeyset.load(path, lambda: b"wrong")
        with pytest.raises(KeysetUnreadable, match="needs a passphrase: set DETENT_PASSPHRASE_FILE"):
            RootKeyset.load(path)

    def test_it_stays_wrapped_when_a_key_is_added_and_can_be_unwrapped(self, path: Path) -> None:
        keyset = RootKeyset.create(path)
        keyset.wrap("passphrase", lambda: GOOD)
        keyset.rotate()
        sealed = keyset.seal(SecretValue("x"), "c")
        assert RootKeyset.load(path, lambda: GOOD).wrapped_by == "passphrase"
        keyset.wrap(None, lambda: None)
        assert opened(RootKeyset.load(path), sealed) == "x"
        assert len(keyset.keys) == 2

    def test_it_is_derived_by_argon2id_at_its_real_cost(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        RootKeyset.create(path).wrap("passphrase", lambda: GOOD)
        told = json.loads(path.read_text())["detent-wrapped-keyset"]["wrapping"]
        assert {name: told[name] for name in ("kdf", "memory_kib", "iterations", "lanes")} == {
            "kdf": "argon2id",
            "memory_kib": 65536,
            "iterations": 3,
            "lanes": 4,
        }
        assert len(base64.b64decode(told["salt"])) == 16
        RootKeyset.load(path, lambda: GOOD)

    @pytest.mark.parametrize(
        "changed",
        [{"memory_kib": 2**40}, {"iterations": 0}, {"lanes": "x"}, {"kdf": "pbkdf2"}, {"salt": "!"}, {"salt": None}],
    )
    def test_parameters_that_are_none_of_ours_are_refused_and_never_run(self, path: Path, changed: dict) -> None:
        RootKeyset.create(path).wrap("passphrase", lambda: GOOD)
        text = json.loads(path.read_text())
        text["detent-wrapped-keyset"]["wrapping"].update(changed)
        path.write_text(json.dumps(text))
        with pytest.raises(KeysetUnreadable, match="says wrongly how the key is made"):
            RootKeyset.load(path, lambda: GOOD)

    def test_a_short_passphrase_is_refused(self, path: Path) -> None:
        keyset = RootKeyset.create(path)
        before = path.read_bytes()
        with pytest.raises(KeysetUnreadable, match="too short"):
            keyset.wrap("passphrase", lambda: b"short")
        assert path.read_bytes() == before

    def test_it_may_be_any_bytes_which_are_counted_where_they_are_no_text(self, path: Path) -> None:
        keyset = RootKeyset.create(path)
        for short in (b"\xff" * 11, "\u00e9".encode() * 11):
            with pytest.raises(KeysetUnreadable, match="too short"):
                keyset.wrap("passphrase", lambda short=short: short)
        sealed = keyset.seal(SecretValue("x"), "c")
        keyset.wrap("passphrase", lambda: b"\xff" * 12)
        assert opened(RootKeyset.load(path, lambda: b"\xff" * 12), sealed) == "x"

    @pytest.mark.parametrize("by", ["", "https://x", "aws", "kms"])
    def test_nothing_else_wraps(self, path: Path, by: str) -> None:
        with pytest.raises(KeysetUnreadable, match="is neither passphrase nor a URI"):
            RootKeyset.create(path).wrap(by, lambda: None)

    def test_no_part_of_it_is_in_a_message(self, path: Path, canary: Canary) -> None:
        secret = canary.value("-pass").encode()
        keyset = RootKeyset.create(path)
        keyset.wrap("passphrase", lambda: secret)
        canary.texts.append(path.read_text())
        for wrong in (lambda: None, lambda: secret + b"x"):
            with pytest.raises(KeysetUnreadable) as caught:
                RootKeyset.load(path, wrong)
            canary.texts += [str(caught.value), repr(caught.value)]


def test_a_client_that_is_not_installed_is_one_line_that_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(wrapping, "_CLIENTS", {"gcp-kms://": missing})
    with pytest.raises(KeysetUnreadable, match=r"pip install 'detent\[gcp-kms\]'"):
        RootKeyset.create(path).wrap("gcp-kms://projects/p", lambda: None)
