"""`detent functions`: what there is, what each needs, which suits a secret."""

import json
from pathlib import Path

import pytest

from cli.command import detent, refusal, success
from detent.functions.builtin import BUILTIN
from detent.functions.choosing import facts_of, keys_of
from detent.main.operating import operating
from detent.main.settings import Settings
from servers.canary import Canary


def test_every_function_is_listed_with_what_it_does() -> None:
    shown = success(detent("functions", "list"))
    for name, function in BUILTIN.items():
        assert name in shown
        assert function.strategy.about[:40] in shown
    assert "Your own functions are not listed: no server was ever started on" in shown


@pytest.mark.parametrize("name", BUILTIN)
def test_a_function_shows_its_keys_privileges_and_what_becomes_of_open_connections(name: str) -> None:
    shown = success(detent("functions", "show", name))
    function = BUILTIN[name]
    facts = facts_of(function)
    assert f"{name}: {function.strategy.about}" in shown
    assert all(key in shown for key in keys_of(function))
    assert facts.open_connections in " ".join(shown.split())
    for statement in facts.privileges[function.strategy.name].admin:
        assert statement.format(user="app", admin="rotator") in shown


def test_an_unknown_function_is_refused_with_those_there_are() -> None:
    said = refusal(detent("functions", "show", "detent-postgres-magic"))
    assert said.startswith("there is no function 'detent-postgres-magic' built in; there are: ")
    assert "detent-postgres-single-user" in said


@pytest.fixture
def folder(data: Path, canary: Canary) -> Path:
    canary.folders.append(data)
    values = {
        "pg": {"engine": "postgres", "password": canary.value()},
        "aurora": {"engine": "aurora-postgresql"},
        "odd": {"engine": "cassandra", "password": canary.value()},
        "listed": [canary.value()],
    }
    with operating(Settings(data)) as operator:
        for name, value in values.items():
            operator.secrets.create_secret(Name=name, SecretString=json.dumps(value))
        operator.secrets.create_secret(Name="plain", SecretString=canary.value())
    return data


def test_the_strategy_that_gives_overlap_is_recommended_with_the_reason(folder: Path, canary: Canary) -> None:
    for name in ("pg", "aurora"):
        shown = success(detent("functions", "recommend", name, "--data", folder))
        canary.texts.append(shown)
        first, *rest = shown.splitlines()
        assert first.startswith(
            "detent-postgres-alternating-users: A user of this engine has one password at a time, so two users"
        )
        assert "admin secret" in first
        assert any(line.startswith("or detent-postgres-single-user: ") for line in rest)


def test_a_secret_that_names_no_known_engine_is_told_which_there_are(folder: Path, canary: Canary) -> None:
    for name, said in (("odd", "\"engine\" is 'cassandra'"), ("listed", '"engine" is None'), ("plain", "is no JSON")):
        told = refusal(detent("functions", "recommend", name, "--data", folder))
        canary.texts.append(told)
        assert said in told
    assert "postgres" in refusal(detent("functions", "recommend", "odd", "--data", folder))
