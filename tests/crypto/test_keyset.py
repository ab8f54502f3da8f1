import copy
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.crypto.keyset import Keyset, version_context
from detent.crypto.root import KeysetUnreadable, RootKeyset
from detent.model.errors import CannotOpen
from detent.model.value import SecretValue


@pytest.fixture(scope="module")
def keyset(tmp_path_factory: pytest.TempPathFactory) -> Keyset:
    return RootKeyset.create(tmp_path_factory.mktemp("keyset") / "keyset.json")


@given(plain=st.text() | st.binary(), context=st.text(max_size=20))
def test_what_was_sealed_opens_as_it_was_text_or_binary(keyset: Keyset, plain: str | bytes, context: str) -> None:
    opened = keyset.open(keyset.seal(SecretValue(plain), context), context).reveal()
    assert opened == plain
    assert type(opened) is type(plain)


def test_a_value_opens_in_no_other_secret_or_version(keyset: Keyset) -> None:
    sealed = keyset.seal(SecretValue("x"), version_context("arn:a", "v1"))
    for arn, version in (("arn:b", "v1"), ("arn:a", "v2"), ("arn:a\nv1", "")):
        with pytest.raises(CannotOpen):
            keyset.open(sealed, version_context(arn, version))


def test_changed_bytes_and_another_keyset_open_nothing(keyset: Keyset, tmp_path: Path) -> None:
    sealed = keyset.seal(SecretValue("x"), "c")
    for at in range(len(sealed.ciphertext)):
        changed = bytearray(sealed.ciphertext)
        changed[at] ^= 1
        with pytest.raises(CannotOpen):
            keyset.open(type(sealed)(bytes(changed), sealed.keyset_id), "c")
    with pytest.raises(CannotOpen):
        RootKeyset.create(tmp_path / "other.json").open(sealed, "c")


def test_equal_values_never_look_equal(keyset: Keyset) -> None:
    assert len({keyset.seal(SecretValue("x"), "c").ciphertext for _ in range(100)}) == 100


def test_a_keyset_is_its_owners_alone_and_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "keyset.json"
    sealed = RootKeyset.create(path).seal(SecretValue("x"), "c")
    assert path.stat().st_mode & 0o777 == 0o600
    assert RootKeyset.load(path).open(sealed, "c").reveal() == "x"
    with pytest.raises(FileExistsError):
        RootKeyset.create(path)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"primaryKeyId": 1, "key": []}', b"\xff\xfe", b"not json"])
def test_a_file_that_is_no_keyset_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keyset.json"
    path.write_bytes(content)
    with pytest.raises(KeysetUnreadable, match="is not a Tink keyset: put the original file back") as refusal:
        RootKeyset.load(path)
    assert "\n" not in str(refusal.value)
    with pytest.raises(KeysetUnreadable, match="No such file"):
        RootKeyset.load(tmp_path / "absent.json")


def test_a_secret_value_shows_and_gives_nothing_but_through_its_door(canary) -> None:
    value = SecretValue(canary.value())
    canary.texts += [repr(value), str(value), f"{value}", str(vars(type(value)).keys()), repr([value])]
    for leak in (lambda: pickle.dumps(value), lambda: copy.deepcopy(value)):
        with pytest.raises(TypeError, match="never pickled"):
            leak()
    assert value != SecretValue(canary.value())
