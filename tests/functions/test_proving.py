"""What testSecret proves beyond the login, and the one failure that callers tell apart."""

import json
import uuid
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.contract import StepFailed
from detent.functions.errors import PasswordRefused
from detent.functions.passwords import DEFAULT_RULES, Password, PasswordPolicy
from detent.functions.testing import SecretsSimulator
from detent.functions.values import Probe, probes_of
from functions.stories import STEPS, event, rotate
from servers.postgres import PostgresTarget

FUNCTION = BUILTIN["detent-postgres-single-user"]


@pytest.fixture
def client() -> SecretsSimulator:
    return SecretsSimulator()


@pytest.fixture
def table(postgres: PostgresTarget) -> tuple[dict[str, Any], str]:
    """A user's value, and a table that the user may read and write."""
    value = postgres.new_value()
    name = f"orders_{value['username']}"
    postgres.run("CREATE TABLE {} (id int)", name, literals=0)
    postgres.run("GRANT SELECT, INSERT ON {} TO {}", name, value["username"], literals=0)
    return value, name


def refusal(arn: str, client: SecretsSimulator, until: str = "testSecret") -> StepFailed:
    token = client.start_rotation(arn)
    for step in STEPS[: STEPS.index(until)]:
        FUNCTION.run(event(step, arn, token), client, lambda: 30.0)
    with pytest.raises(StepFailed) as caught:
        FUNCTION.run(event(until, arn, token), client, lambda: 30.0)
    assert "canary" not in str(caught.value)
    return caught.value


def test_probes_read_and_write_as_the_application_does_and_leave_nothing(
    postgres: PostgresTarget, client: SecretsSimulator, table: tuple[dict[str, Any], str]
) -> None:
    value, name = table
    probes = [f"INSERT INTO {name} VALUES (7)", {"statement": f"SELECT count(*) FROM {name}", "expect": 0}]
    arn = client.create({**value, "probes": probes})
    rotate(arn, client, function=FUNCTION)
    assert postgres.alive(client.value(arn))
    postgres.run("REVOKE INSERT ON {} FROM {}", name, value["username"], literals=0)
    said = str(refusal(arn, client))
    assert f"probe 1 was refused: permission denied for table {name}" in said


def test_the_functions_environment_declares_probes_too(
    client: SecretsSimulator, table: tuple[dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    value, name = table
    arn = client.create(value)
    monkeypatch.setenv("TEST_PROBES", json.dumps([{"statement": f"SELECT count(*) FROM {name}", "expect": 1}]))
    assert "probe 1 did not give what is expected" in str(refusal(arn, client))
    monkeypatch.setenv("TEST_PROBES", "[7]")
    assert "TEST_PROBES in the environment is not usable" in str(refusal(arn, client))


@pytest.mark.parametrize("probes", [{}, "SELECT 1", [""], [{}], [{"statement": "SELECT 1", "expects": 1}], [1]])
def test_probes_of_another_form_are_named_among_the_faults(client: SecretsSimulator, probes: object) -> None:
    value = {"engine": "postgres", "host": "db.example", "username": "app", "password": "canary", "probes": probes}
    assert '"probes" must be' in str(refusal(client.create(value), client, "createSecret"))


@pytest.mark.parametrize(
    ("expected", "row", "agrees"),
    [
        (1, (1,), True),
        (1, (2,), False),
        (1, (1, 2), False),
        ([1, "x"], (1, "x"), True),
        ("x", (b"x",), True),
        (None, None, True),
        (None, (None,), True),
        (1, None, False),
        ("2020-01-01", (__import__("datetime").date(2020, 1, 1),), True),
    ],
)
def test_a_list_is_the_whole_row_and_anything_else_its_one_field(expected: object, row: Any, agrees: bool) -> None:
    (probe,) = probes_of([{"statement": "SELECT", "expect": expected}])
    assert probe.agrees(row) is agrees
    assert Probe("SELECT", expects=False, expected=None).agrees(row)


def test_a_password_that_the_server_refuses_leaves_as_an_error_of_its_own(
    tls_postgres: PostgresTarget, client: SecretsSimulator
) -> None:
    name = f"checked_{uuid.uuid4().hex[:24]}"
    tls_postgres.create_user(name, "canary-old")
    tls_postgres.run("ALTER ROLE {} SET session_preload_libraries = 'passwordcheck'", name, literals=0)
    arn = client.create(tls_postgres.value(name, "canary-old"))
    token = client.start_rotation(arn)
    client.secrets[arn].versions[token] = json.dumps(tls_postgres.value(name, name))
    with pytest.raises(PasswordRefused, match=r"setSecret of .*rules refuse the new password"):
        FUNCTION.run(event("setSecret", arn, token), client, lambda: 30.0)
    assert tls_postgres.logs_in(name, "canary-old")


def test_a_password_has_what_the_servers_policy_demands(client: SecretsSimulator) -> None:
    policy = PasswordPolicy(length=3, digits=2, uppercase=1)
    assert policy.admits(Password("a1B2"))
    for lacking in ("a1", "a1b2", "aB1c"):
        assert not policy.admits(Password(lacking))
    assert DEFAULT_RULES.at_least(40).length == 40
    assert DEFAULT_RULES.at_least(8).length == 32
    assert client.calls == []
