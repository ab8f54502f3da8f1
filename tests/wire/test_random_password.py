"""GetRandomPassword: every row of B.15 of the API reference."""

import string

import pytest

from servers.detent import RunningDetent
from wire.answers import constraint, refused
from wire.raw import raw_client

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
CLASSES = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": PUNCTUATION,
}
EVERYTHING = "".join(CLASSES.values())


@pytest.fixture
def password(client):
    return lambda **asked: client.get_random_password(**asked)["RandomPassword"]


def test_a_password_is_32_long_with_each_class_and_never_the_same(password) -> None:
    made = [password() for _ in range(20)]
    assert len(set(made)) == 20
    for one in made:
        assert len(one) == 32
        assert set(one) <= set(EVERYTHING)
        assert all(set(one) & set(characters) for characters in CLASSES.values())


@pytest.mark.parametrize("length", [4, 5, 4096])
def test_a_password_has_the_length_asked_for(password, length: int) -> None:
    assert len(password(PasswordLength=length)) == length


@pytest.mark.parametrize("excluded", CLASSES)
def test_an_excluded_class_is_absent(password, excluded: str) -> None:
    made = password(PasswordLength=4096, **{excluded: True})
    assert set(made) == set(EVERYTHING) - set(CLASSES[excluded])


def test_excluded_characters_are_absent_from_every_class(password) -> None:
    assert set(password(PasswordLength=4096, ExcludeCharacters="aB3$\\\"'")) == set(EVERYTHING) - set("aB3$\\\"'")


def test_a_space_is_admitted_only_when_asked_for_and_never_required(password) -> None:
    assert " " not in password(PasswordLength=4096)
    assert " " in password(PasswordLength=4096, IncludeSpace=True)
    assert len(password(PasswordLength=4, IncludeSpace=True)) == 4
    assert " " not in password(PasswordLength=4096, IncludeSpace=True, ExcludeCharacters=" ")
    assert password(PasswordLength=3, IncludeSpace=True, **dict.fromkeys(CLASSES, True)) == "   "


def test_classes_need_not_all_be_there_when_that_is_waived(password) -> None:
    assert len(password(PasswordLength=1, RequireEachIncludedType=False)) == 1
    made = password(PasswordLength=4096, RequireEachIncludedType=False, ExcludeCharacters=string.digits)
    assert set(made) == set(EVERYTHING) - set(string.digits)


TOO_SHORT = "Password length is too short based on the required types."
EMPTY_CLASS = "All characters of the desired type have been excluded."
NOTHING_LEFT = "All characters have been excluded from selection."


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"PasswordLength": 3}, TOO_SHORT),
        ({"PasswordLength": 1, "ExcludeNumbers": True}, TOO_SHORT),
        ({"ExcludeCharacters": string.digits}, EMPTY_CLASS),
        ({"ExcludeCharacters": PUNCTUATION, "IncludeSpace": True}, EMPTY_CLASS),
        (dict.fromkeys(CLASSES, True), NOTHING_LEFT),
        ({"ExcludeCharacters": EVERYTHING}, NOTHING_LEFT),
        ({"ExcludeCharacters": EVERYTHING, "RequireEachIncludedType": False}, NOTHING_LEFT),
    ],
)
def test_a_password_that_cannot_be_is_refused(password, asked, message: str) -> None:
    with refused(("InvalidParameterException", message)):
        password(**asked)


@pytest.mark.parametrize(
    ("asked", "failure"),
    [
        (
            {"PasswordLength": 4097},
            (
                "Value '4097' at 'passwordLength' failed to satisfy constraint:"
                " Member must have value less than or equal to 4096"
            ),
        ),
        (
            {"PasswordLength": 0},
            (
                "Value '0' at 'passwordLength' failed to satisfy constraint:"
                " Member must have value greater than or equal to 1"
            ),
        ),
        (
            {"ExcludeCharacters": "x" * 4097},
            (
                f"Value '{'x' * 4097}' at 'excludeCharacters' failed to satisfy constraint:"
                " Member must have length less than or equal to 4096"
            ),
        ),
    ],
    ids=["too long", "too short", "too many excluded"],
)
def test_a_member_against_its_constraint_is_refused(detent: RunningDetent, asked, failure: str) -> None:
    assert raw_client(detent).call("GetRandomPassword", asked).error == constraint(failure)
