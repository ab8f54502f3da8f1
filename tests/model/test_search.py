"""Filters and words: J.1 and J.2 of the API reference, example by example."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.model.search import Filter, Key, Place, Sort, end_of_prefix, matches, place, words
from servers.writers import NOW, a_secret


def found(key: Key, *values: str, name: str = "a", **members: object) -> bool:
    return matches(a_secret(name, **members), [Filter(key, values)])


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ("prod", "prod/db", True),
        ("prod/", "prod/db", True),
        ("prod/db", "prod/db", True),
        ("prod/db/x", "prod/db", False),
        ("db", "prod/db", False),
        ("Prod", "prod/db", False),
        ("prod db", "prod/db", False),
        ("", "prod/db", True),
        ("!prod", "prod/db", False),
        ("!stage", "prod/db", True),
        ("!", "prod/db", False),
        ("!!prod", "!prod", False),
        ("!!prod", "prod", True),
    ],
)
def test_a_name_is_found_by_its_literal_beginning(value: str, name: str, expected: bool) -> None:
    assert found(Key.NAME, value, name=name) is expected


TAGS = {"Team": "Blue whale", "env": "", "größe": "ω"}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (Key.TAG_KEY, "Te", True),
        (Key.TAG_KEY, "te", False),
        (Key.TAG_KEY, "eam", False),
        (Key.TAG_KEY, "gr", True),
        (Key.TAG_KEY, "Blue", False),
        (Key.TAG_VALUE, "Blue w", True),
        (Key.TAG_VALUE, "blue", False),
        (Key.TAG_VALUE, "whale", False),
        (Key.TAG_VALUE, "", True),
        (Key.TAG_VALUE, "!Blue", False),
        (Key.TAG_KEY, "!owner", True),
    ],
)
def test_a_tag_is_found_by_the_literal_beginning_of_its_key_or_value(key: Key, value: str, expected: bool) -> None:
    assert found(key, value, tags=TAGS) is expected


@pytest.mark.parametrize("key", [Key.TAG_KEY, Key.TAG_VALUE, Key.PRIMARY_REGION, Key.OWNING_SERVICE, Key.DESCRIPTION])
def test_what_a_secret_does_not_have_matches_nothing_but_every_negation(key: Key) -> None:
    assert not found(key, "x")
    assert found(key, "!x")


@pytest.mark.parametrize(
    ("value", "description", "expected"),
    [
        ("a secret", "a secret", True),
        ("a secret", "an secret", True),
        ("a secret", "asecret", False),
        ("secret a", "a secret", True),
        ("SECRET", "my Secret", True),
        ("secret", "Thirdsecret", False),
        ("third", "First,second;third.", True),
        ("Two", "OneTwo", False),
        ("pass", "the_password", True),
        ("+", "a + b", False),
        ("!a secret", "asecret", True),
        ("!a secret", "secret of an app", False),
    ],
)
def test_a_description_is_found_when_every_word_begins_one_of_its_words(
    value: str,
    description: str,
    expected: bool,
) -> None:
    assert found(Key.DESCRIPTION, value, description=description) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SecretFTag", ["secret", "f", "tag"]),
        ("COMPANYthings", ["compan", "ythings"]),
        ("COMPANY", ["company"]),
        ("OneTwo", ["one", "two"]),
        ("Thirdsecret", ["thirdsecret"]),
        ("db2prod/main-key", ["db", "2", "prod", "main", "key"]),
        ("déjàVu", ["déjà", "vu"]),
        ("ÄRGER", ["ä", "rger"]),
        ("+", []),
        ("", []),
    ],
)
def test_all_splits_words_where_case_or_kind_of_character_changes(text: str, expected: list[str]) -> None:
    assert words(Key.ALL, text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sec", True),
        ("SEC", True),
        ("t", True),
        ("ret", False),
        ("pany", False),
        ("company", True),
        ("secret two company team blue", True),
        ("secret three", False),
        ("+", False),
        ("!+", True),
        ("!sec", False),
        ("!ret", True),
    ],
)
def test_all_finds_each_word_in_any_attribute(value: str, expected: bool) -> None:
    secret = {"name": "SecretTwo", "description": "of COMPANY", "tags": {"team": "Blue"}}
    assert found(Key.ALL, value, **secret) is expected


def test_the_values_of_a_filter_are_alternatives_and_filters_must_all_match() -> None:
    secret = a_secret("prod/db", tags={"env": "prod", "team": "blue"})
    prod, blue, red = (
        Filter(Key.TAG_VALUE, ("prod",)),
        Filter(Key.TAG_VALUE, ("blue",)),
        Filter(Key.TAG_VALUE, ("red",)),
    )
    assert matches(secret, [])
    assert matches(secret, [prod, blue])
    assert not matches(secret, [prod, red])
    assert matches(secret, [Filter(Key.TAG_VALUE, ("red", "blue"))])
    assert matches(secret, [Filter(Key.TAG_VALUE, ("red", "!green"))])
    assert not matches(secret, [Filter(Key.TAG_VALUE, ("red", "!blue"))])


def test_a_secrets_place_is_its_date_then_its_name_and_never_read_comes_before_all_days() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    secret = a_secret("n", created=epoch + timedelta(seconds=1), changed=epoch, accessed=date(1, 1, 3))
    assert place(secret, Sort.CREATED) == Place(1_000_000, "n")
    assert place(secret, Sort.CHANGED) == Place(0, "n")
    assert place(secret, Sort.ACCESSED) == Place(3, "n")
    assert place(secret, Sort.NAME) == Place(0, "n")
    assert place(a_secret("z"), Sort.ACCESSED) < place(a_secret("a", accessed=date(1, 1, 1)), Sort.ACCESSED)
    assert place(a_secret("a", created=NOW), Sort.CREATED) < place(a_secret("b", created=NOW), Sort.CREATED)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("", None),
        ("a", "b"),
        ("az", "a{"),
        ("a\ud7ff", "a\ue000"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff\U0010ffff", None),
    ],
)
def test_the_end_of_a_prefix_is_the_least_text_beyond_it(prefix: str, end: str | None) -> None:
    assert end_of_prefix(prefix) == end


TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("a\ud7ff\ue000\U0010ffff"), max_size=4)


@given(prefix=TEXT, rest=TEXT, other=TEXT)
def test_exactly_what_begins_with_a_prefix_lies_between_it_and_its_end(prefix: str, rest: str, other: str) -> None:
    end = end_of_prefix(prefix)
    for text in (prefix + rest, other):
        assert (prefix <= text and (end is None or text < end)) == text.startswith(prefix)
        assert end is None or (text.encode() < end.encode()) == (text < end)
