"""What a secret's value must hold, and what is said when it does not."""

import json
from typing import Any

import pytest

from detent.functions.contract import StepFailed
from detent.functions.engines import engine_named
from detent.functions.errors import UnusableValue
from detent.functions.staged import parsed_value
from detent.functions.testing import SecretsSimulator
from functions.stories import run

GOOD = {"engine": "postgres", "host": "db.test", "username": "app", "password": "canary-password"}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def parsed(value: Any) -> dict[str, Any]:
    return parsed_value(value if isinstance(value, str) else json.dumps(value), "AWSCURRENT", engine_named("postgres"))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"port": 5433},
        {"port": "5433"},
        {"engine": "aurora-postgresql"},
        {"ssl": True},
        {"ssl": "False"},
        {"sslmode": "verify-ca", "sslrootcert": PEM},
        {"dbname": "app", "masterarn": "arn:aws:secretsmanager:x"},
        {"anything": {"else": [1, None]}},
    ],
)
def test_a_usable_value_is_taken_with_all_its_keys(more: dict[str, Any]) -> None:
    assert parsed({**GOOD, **more}) == {**GOOD, **more}


def test_all_missing_keys_are_named_at_once_with_an_example() -> None:
    with pytest.raises(UnusableValue) as caught:
        parsed({"password": "canary-password"})
    text = str(caught.value)
    assert all(f'"{key}" is missing' in text for key in ("engine", "host", "username"))
    assert '"host": "db.example.com"' in text
    assert "canary" not in text


@pytest.mark.parametrize(
    ("key", "wrong", "said"),
    [
        ("host", 1, '"host" must be text'),
        ("host", "", '"host" must be text'),
        ("username", ["app"], '"username" must be text'),
        ("username", "a\0b", "NUL"),
        ("password", None, '"password" must be text'),
        ("password", "canary\0", "NUL"),
        ("engine", "mysql", "'postgres' or 'aurora-postgresql'"),
        ("engine", "Postgres", "'postgres' or 'aurora-postgresql'"),
        ("port", 0, "from 1 to 65535"),
        ("port", 65536, "from 1 to 65535"),
        ("port", True, "from 1 to 65535"),
        ("port", "54 32", "from 1 to 65535"),
        ("port", "-1", "from 1 to 65535"),
        ("port", "٣", "from 1 to 65535"),
        ("port", None, "from 1 to 65535"),
        ("port", "9" * 5000, "from 1 to 65535"),
        ("dbname", 7, '"dbname" must be text'),
        ("ssl", "maybe", '"ssl" must be true or false'),
        ("ssl", 0, '"ssl" must be true or false'),
        ("sslmode", "prefer", '"sslmode" must be one of'),
        ("sslrootcert", "/etc/passwd", "PEM text"),
        ("masterarn", 5, "ARN of the admin secret"),
    ],
)
def test_a_wrong_key_is_named(key: str, wrong: Any, said: str) -> None:
    with pytest.raises(UnusableValue) as caught:
        parsed({**GOOD, key: wrong})
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("ssl", "mode"), [(True, "disable"), (False, "verify-full"), ("false", "require")])
def test_contradicting_wishes_for_tls_are_refused(ssl: Any, mode: str) -> None:
    with pytest.raises(UnusableValue, match="contradict"):
        parsed({**GOOD, "ssl": ssl, "sslmode": mode})


@pytest.mark.parametrize(
    "text",
    ["", "canary-password", "{", "[]", '"canary"', "null", "1", "{'a': 'canary'}", "[" * 60_000],
    ids=lambda text: text[:20],
)
def test_a_value_that_is_no_json_object_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(UnusableValue, match="not a JSON object") as caught:
        parsed(text)
    assert "canary" not in str(caught.value)


def test_a_binary_value_is_refused() -> None:
    client = SecretsSimulator()
    arn = client.create(GOOD)
    token = client.start_rotation(arn)
    client.get_secret_value = lambda **_: {"SecretBinary": b"canary"}  # type: ignore[method-assign]
    with pytest.raises(StepFailed, match="not a JSON object"):
        run("createSecret", arn, token, client)


def test_an_unusable_current_value_is_told_by_its_label_and_version() -> None:
    client = SecretsSimulator()
    arn = client.create({"engine": "postgres", "password": "canary"})
    with pytest.raises(StepFailed) as caught:
        run("createSecret", arn, client.start_rotation(arn), client)
    assert f"AWSCURRENT (version {client.secrets[arn].labels['AWSCURRENT']})" in str(caught.value)
    assert "canary" not in str(caught.value)
