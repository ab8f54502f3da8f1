import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.api.errors import Refused
from detent.api.repeats import refuse_repeats

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=ANY)
def test_what_names_no_member_twice_passes(value: Any) -> None:
    refuse_repeats(json.dumps(value).encode())
    refuse_repeats(json.dumps(value, ensure_ascii=False).encode())


REPEATS = b'"a":1,"a":2}'
UNREADABLE = [
    b'{"x":"\xff",' + REPEATS,  # msgspec skips what a shape does not know without looking for UTF-8
    b'{"\xed\xa0\x80":1,' + REPEATS,
    b'{"x":"\\q",' + REPEATS,
    b'{"a":' * 100_000,
    b'"a":"a":',
]


@pytest.mark.parametrize(
    "body", UNREADABLE, ids=["no UTF-8", "a surrogate", "no escape", "nested without end", "no object"]
)
def test_what_cannot_be_read_hides_no_repeat(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        refuse_repeats(body)
    assert refused.value.code == "SerializationException"


def test_no_depth_hides_a_repeat() -> None:
    for depth in range(1100):  # the deepest that this parser reads depends on its caller's own depth
        with pytest.raises(Refused):
            refuse_repeats(b'{"x":' + b"[" * depth + b"]" * depth + b"," + REPEATS)


REPEATED = [
    b'{"a":1,"a":1}',
    b'{"a" : 1,\n"a"\t: 2}',
    b'{"a":1,"\\u0061":2}',
    b'{"b":{"a":1,"a":2}}',
    b'{"b":[{"c":1},[{"a":1,"a":2}]]}',
    b'{"a":":","b":"\\":","a":null}',
    b'{"a":' + b"9" * 5000 + b',"a":1}',
    b"{" + b"".join(b'"%d":1,' % number for number in range(90_000)) + b'"a":1,"a":1}',
]


@pytest.mark.parametrize("body", REPEATED)
def test_a_member_named_twice_is_refused_wherever_it_stands(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        refuse_repeats(body)
    assert (refused.value.code, refused.value.message) == (
        "SerializationException",
        "The request names the member 'a' twice.",
    )


def test_a_name_that_may_be_a_secret_is_not_told() -> None:
    with pytest.raises(Refused) as refused:
        refuse_repeats(b'{"hunter 2":1,"hunter 2":1}')
    assert refused.value.message == "The request names a member twice."


@pytest.mark.parametrize("body", [b'{"a":"\\":\\":\\":"}', b'[{"a":1},{"a":2}]', b'{"a":{"a":{"a":1}}}'])
def test_what_only_looks_like_a_repeat_passes(body: bytes) -> None:
    refuse_repeats(body)
