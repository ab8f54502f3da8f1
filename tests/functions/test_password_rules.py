import pickle
import string

import pytest

from detent.functions.contract import RotationFunction, StepFailed
from detent.functions.passwords import Password, PasswordRules
from detent.functions.strategies import SingleUser
from detent.functions.testing import SecretsSimulator
from functions.stories import event

VALUE = {"engine": "postgres", "host": "db.test", "username": "app", "password": "canary-old", "kept": {"a": 1}}


def test_a_password_shows_itself_only_through_reveal() -> None:
    password = Password("canary-password")
    assert "canary" not in f"{password} {password!r} {[password]}"
    assert password.reveal() == "canary-password"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(password)
    with pytest.raises(TypeError, match="unhashable"):
        hash(password)


def test_passwords_are_equal_by_value_and_to_no_text() -> None:
    assert Password("a") == Password("a")
    assert Password("a") != Password("b")
    assert Password("a") != "a"


def test_without_switches_a_password_has_32_letters_digits_and_unreserved_marks() -> None:
    members = PasswordRules().with_switches({}).members()
    assert members["PasswordLength"] == 32
    assert set(string.punctuation) - set(members["ExcludeCharacters"]) == set("-_.~")
    assert members["RequireEachIncludedType"] is True
    assert not any(members[f"Exclude{kind}"] for kind in ("Numbers", "Punctuation", "Uppercase", "Lowercase"))


@pytest.mark.parametrize(
    ("switch", "text", "member", "value"),
    [
        ("EXCLUDE_CHARACTERS", "abc", "ExcludeCharacters", "abc"),
        ("EXCLUDE_CHARACTERS", "", "ExcludeCharacters", ""),
        ("PASSWORD_LENGTH", "24", "PasswordLength", 24),
        ("EXCLUDE_NUMBERS", "true", "ExcludeNumbers", True),
        ("EXCLUDE_PUNCTUATION", "Yes", "ExcludePunctuation", True),
        ("EXCLUDE_UPPERCASE", "1", "ExcludeUppercase", True),
        ("EXCLUDE_LOWERCASE", "y", "ExcludeLowercase", True),
        ("EXCLUDE_LOWERCASE", "no", "ExcludeLowercase", False),
        ("REQUIRE_EACH_INCLUDED_TYPE", "false", "RequireEachIncludedType", False),
    ],
)
def test_a_switch_in_the_environment_means_what_it_does_on_aws_templates(
    switch: str, text: str, member: str, value: object
) -> None:
    assert PasswordRules().with_switches({switch: text}).members()[member] == value


@pytest.mark.parametrize("length", ["23", "0", "-30", "4097", "many", "", "٣٢"])
def test_a_length_out_of_bounds_is_refused(length: str) -> None:
    with pytest.raises(StepFailed, match="PASSWORD_LENGTH"):
        PasswordRules().with_switches({"PASSWORD_LENGTH": length})


def test_create_secret_changes_the_password_by_the_rules_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD_LENGTH", "48")
    client = SecretsSimulator()
    arn = client.create(VALUE)
    token = client.start_rotation(arn)
    RotationFunction(SingleUser(), "postgres").run(event("createSecret", arn, token), client, lambda: 30.0)
    pending = client.value(arn, "AWSPENDING")
    assert {**pending, "password": "canary-old"} == VALUE
    assert len(pending["password"]) == 48
    assert set(pending["password"]) <= set(string.ascii_letters + string.digits + "-_.~")
