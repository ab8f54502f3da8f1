import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.functions.redaction import REDACTED, Redactor

SECRET = "canary 'p\"a\\ss%\n ß-word"


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        quote(SECRET, safe=""),
        SECRET.replace("'", "''"),
        SECRET.encode().hex(),
    ],
)
def test_a_secret_is_found_however_it_is_spelt(spelt: str) -> None:
    redactor = Redactor()
    redactor.learn(SECRET)
    scrubbed = redactor.scrub(f"before {spelt} after")
    assert "canary" not in scrubbed
    assert "63616e617279" not in scrubbed
    assert scrubbed.startswith("before")
    assert scrubbed.endswith("after")


def test_of_a_value_everything_is_secret_but_what_errors_must_name() -> None:
    redactor = Redactor()
    value = {"engine": "postgres", "host": "db.test", "username": "app", "password": "canary-1", "api": ["canary-2"]}
    redactor.learn_value(json.dumps(value))
    scrubbed = redactor.scrub(f"user app at db.test (postgres): canary-1, canary-2; {json.dumps(value)}")
    assert scrubbed == f"user app at db.test (postgres): {REDACTED}, {REDACTED}; {REDACTED}"


def test_a_value_that_is_no_json_is_secret_as_a_whole() -> None:
    redactor = Redactor()
    redactor.learn_value("canary-bare-password")
    assert redactor.scrub("it was canary-bare-password.") == f"it was {REDACTED}."


@pytest.mark.parametrize("depth", [500, 900, 990, 100_000])
def test_a_value_nested_without_end_is_secret_as_a_whole(depth: int) -> None:
    redactor, value = Redactor(), "[" * depth + '"canary"' + "]" * depth
    redactor.learn_value(value)
    assert redactor.scrub(f"it was {value}.") == f"it was {REDACTED}."


def test_a_short_password_is_taken_out_where_it_stands_alone() -> None:
    redactor = Redactor()
    redactor.learn("pw")
    assert redactor.scrub("PASSWORD 'pw' of pwfile") == f"PASSWORD '{REDACTED}' of pwfile"


def test_a_verifier_is_taken_out() -> None:
    assert Redactor().scrub("x 'SCRAM-SHA-256$4096:salt==$stored=:server=' y") == f"x '{REDACTED}' y"


def test_a_text_leaves_as_one_line_of_bounded_length() -> None:
    scrubbed = Redactor().scrub("line\n" * 5000)
    assert "\n" not in scrubbed
    assert len(scrubbed) == 4000


def test_of_a_long_secret_no_part_stays_at_the_cut() -> None:
    redactor = Redactor()
    redactor.learn("canary" * 300)
    assert "canary" not in redactor.scrub("x" * 1990 + "canary" * 300)


@given(st.text(min_size=4), st.text(), st.text())
def test_no_learnt_text_stands_in_what_leaves(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    if secret.strip() and secret not in REDACTED:
        left = redactor.scrub(before + secret + after)
        assert secret not in left.replace(REDACTED, "\0")


def test_a_secret_that_is_no_text_anybody_can_send_is_taken_out_too() -> None:
    redactor = Redactor()
    redactor.learn_value('{"password": "half a pair: \\ud83d"}')
    assert redactor.scrub("it was half a pair: \ud83d.") == f"it was {REDACTED}."
