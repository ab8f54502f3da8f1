"""Two users that take turns: which two, by whose proof, and what becomes of a pair that is not alike."""

import uuid
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.contract import StepFailed
from detent.functions.testing import SecretsSimulator
from functions.stories import STEPS, event, rotate
from servers.postgres import PostgresTarget
from servers.target import OLD

FUNCTION = BUILTIN["detent-postgres-alternating-users"]
ADMIN = "canary-admin-password"


@pytest.fixture
def client() -> SecretsSimulator:
    return SecretsSimulator()


@pytest.fixture
def names() -> tuple[str, str]:
    mark = uuid.uuid4().hex[:10]
    return f"blue_{mark}", f"green_{mark}"


def pair(target: PostgresTarget, client: SecretsSimulator, names: tuple[str, str], **admin: Any) -> str:
    """Two users that the operator made, and an admin over both."""
    for name in names:
        target.create_user(name, OLD)
    target.create_administrator(f"{names[0]}_admin", ADMIN, over=names[0])
    target.run("GRANT {} TO {} WITH ADMIN OPTION", names[1], f"{names[0]}_admin", literals=0)
    link = client.create({**target.value(f"{names[0]}_admin", ADMIN), **admin}, name="admin")
    return client.create(target.value(names[0], OLD, masterarn=link, usernames=list(names)))


def step(name: str, arn: str, token: str, client: SecretsSimulator) -> Any:
    return FUNCTION.run(event(name, arn, token), client, lambda: 30.0)


def refusal(arn: str, client: SecretsSimulator, *, until: str) -> str:
    token = client.start_rotation(arn)
    for name in STEPS[: STEPS.index(until)]:
        step(name, arn, token, client)
    with pytest.raises(StepFailed) as caught:
        step(until, arn, token, client)
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_two_existing_users_take_turns_and_none_is_cloned(
    postgres: PostgresTarget, client: SecretsSimulator, names: tuple[str, str]
) -> None:
    arn = pair(postgres, client, names, users=list(names))
    turns = []
    for _ in range(4):
        rotate(arn, client, times=2, function=FUNCTION)
        turns.append(client.value(arn)["username"])
        assert postgres.alive(client.value(arn))
        assert postgres.alive(client.value(arn, "AWSPREVIOUS"))
    assert turns == [names[1], names[0]] * 2
    with postgres.server.connect() as connection:
        made = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE %s", [f"{names[0]}_clone%"])
        assert made.fetchone() == (0,)


def test_the_second_user_must_be_proven_or_named_by_the_admin_secret(
    postgres: PostgresTarget, client: SecretsSimulator, names: tuple[str, str]
) -> None:
    arn = pair(postgres, client, names)
    assert f"no version of this secret logs in as '{names[1]}'" in refusal(arn, client, until="setSecret")
    assert postgres.logs_in(names[1], OLD)
    current = client.value(arn)
    client.store(arn, {**current, "username": names[1]})  # its own password, as a version
    client.store(arn, current)
    rotate(arn, client, function=FUNCTION)
    assert client.value(arn)["username"] == names[1]


def test_the_admin_is_not_led_to_a_user_that_the_secrets_writer_only_names(
    postgres: PostgresTarget, client: SecretsSimulator, names: tuple[str, str]
) -> None:
    arn = pair(postgres, client, names, users=list(names))
    victim = f"{names[0]}_admin"
    client.store(arn, {**client.value(arn), "usernames": [names[0], victim]})
    assert f"no version of this secret logs in as '{victim}'" in refusal(arn, client, until="setSecret")
    assert postgres.logs_in(victim, ADMIN)


def test_two_users_that_may_not_do_the_same_are_not_proven_and_the_difference_is_named(
    postgres: PostgresTarget, client: SecretsSimulator, names: tuple[str, str]
) -> None:
    arn = pair(postgres, client, names, users=list(names))
    postgres.run("CREATE TABLE {} (id int)", f"t_{names[0]}", literals=0)
    postgres.run("GRANT SELECT ON {} TO {}", f"t_{names[0]}", names[0], literals=0)
    postgres.run("GRANT CREATE ON DATABASE postgres TO {}", names[1], literals=0)
    said = refusal(arn, client, until="testSecret")
    assert f"lacks: SELECT on table t_{names[0]}" in said
    assert "has besides: CREATE on database postgres" in said


def test_a_name_too_long_for_its_clone_is_refused_before_anything_changes(
    postgres: PostgresTarget, client: SecretsSimulator
) -> None:
    name = "ü" * 29  # 58 bytes; with _clone 64
    arn = client.create(postgres.value(name, OLD))
    assert "is longer than the 63 bytes" in refusal(arn, client, until="createSecret")
    assert "AWSPENDING" not in [
        label for label in client.secrets[arn].labels if client.secrets[arn].versions.get(label)
    ]
    assert not [name for name, _ in client.calls if name == "put_secret_value"]


def test_the_environment_limits_the_name_of_a_clone_as_on_aws_templates(
    plain_postgres: PostgresTarget, client: SecretsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = client.create(plain_postgres.value("application", OLD))
    monkeypatch.setenv("USERNAME_CHARACTER_LIMIT", "16")
    said = refusal(arn, client, until="createSecret")
    assert "'application_clone' is longer than the 16 characters that USERNAME_CHARACTER_LIMIT" in said
    for limit in ("17", "80"):
        monkeypatch.setenv("USERNAME_CHARACTER_LIMIT", limit)
        step("createSecret", arn, client.start_rotation(arn), client)
        assert client.value(arn, "AWSPENDING")["username"] == "application_clone"


def test_the_limit_is_not_for_names_without_the_suffix(
    plain_postgres: PostgresTarget, client: SecretsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USERNAME_CHARACTER_LIMIT", "1")
    for value in ({"username": "application_clone"}, {"username": "blue", "usernames": ["blue", "the_clone"]}):
        arn = client.create({**plain_postgres.value("", OLD), **value})
        step("createSecret", arn, client.start_rotation(arn), client)
        assert client.value(arn, "AWSPENDING")["username"] in {"application", "the_clone"}


@pytest.mark.parametrize("limit", ["", "0", "-1", "many", "٣٢", "9" * 20])
def test_a_limit_that_is_no_number_is_refused(
    limit: str, plain_postgres: PostgresTarget, client: SecretsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USERNAME_CHARACTER_LIMIT", limit)
    arn = client.create(plain_postgres.value("application", OLD))
    assert "USERNAME_CHARACTER_LIMIT in the environment must be a number" in refusal(arn, client, until="createSecret")


def test_without_an_admin_secret_the_cure_is_named(postgres: PostgresTarget, client: SecretsSimulator) -> None:
    arn = client.create(postgres.new_value())
    assert "masterarn" in refusal(arn, client, until="setSecret")


def test_a_clone_that_was_given_more_is_not_proven(postgres: PostgresTarget, client: SecretsSimulator) -> None:
    value = postgres.new_value()
    user = value["username"]
    postgres.create_administrator(f"{user}_admin", ADMIN, over=user)
    link = client.create(postgres.value(f"{user}_admin", ADMIN), name="admin")
    arn = client.create({**value, "masterarn": link})
    rotate(arn, client, function=FUNCTION)
    rotate(arn, client, function=FUNCTION)
    postgres.run("GRANT pg_monitor TO {}", f"{user}_clone", literals=0)
    assert "has besides: member of pg_monitor" in refusal(arn, client, until="testSecret")


@pytest.mark.parametrize(
    "names", [["app"], ["app", "app"], ["other", "another"], "app", ["app", 1], ["app", ""], ["app", "b", "c"]]
)
def test_usernames_must_be_two_of_which_one_is_the_user(client: SecretsSimulator, names: object) -> None:
    value = {"engine": "postgres", "host": "db.example", "username": "app", "password": OLD, "usernames": names}
    said = refusal(client.create(value), client, until="createSecret")
    assert '"usernames" must be a list of two different user names' in said
