"""The function detent-postgres-single-user on real servers, with a simulated secrets manager."""

import json
import socket
from typing import Any

import pytest

from detent.functions.contract import StepFailed
from detent.functions.engines.postgres import PostgresSession
from detent.functions.errors import ChangeRefused
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.stories import STEPS, logs_in, new_user, rotate, run
from servers.postgres import PostgresTarget

FIRST = "canary-current-password"


@pytest.fixture
def client() -> SecretsSimulator:
    return SecretsSimulator()


@pytest.fixture
def user(postgres: PostgresTarget) -> str:
    return new_user(postgres, FIRST)


@pytest.fixture
def arn(client: SecretsSimulator, postgres: PostgresTarget, user: str) -> str:
    return client.create(postgres.value(user, FIRST, note="kept"))


@pytest.fixture
def own_change_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on servers that forbid it (RDS: rds.restrict_password_commands)."""

    def refuse(*_: object) -> None:
        raise ChangeRefused("only the administrator changes passwords here")

    monkeypatch.setattr("detent.functions.engines.postgres.PostgresSession.change_own_password", refuse)


def failure_of(step: str, arn: str, token: str, client: SecretsSimulator) -> str:
    with pytest.raises(StepFailed) as caught:
        run(step, arn, token, client)
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_current_stays_as_it_was_until_finish(postgres: PostgresTarget, client: SecretsSimulator, arn: str) -> None:
    before = client.value(arn)
    token = client.start_rotation(arn)
    for step in STEPS[:3]:
        run(step, arn, token, client)
        assert client.value(arn) == before
    assert logs_in(postgres, client.value(arn, "AWSPENDING"))


def test_a_pending_label_lost_after_set_is_healed_through_the_unlabelled_version(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str
) -> None:
    lost = client.start_rotation(arn)
    run("createSecret", arn, lost, client)
    run("setSecret", arn, lost, client)
    del client.secrets[arn].labels["AWSPENDING"]
    assert not logs_in(postgres, client.value(arn))
    token = rotate(arn, client)
    assert client.secrets[arn].labels["AWSCURRENT"] == token
    assert logs_in(postgres, client.value(arn))


def test_where_listing_is_denied_unlabelled_versions_are_no_candidates(client: SecretsSimulator, arn: str) -> None:
    lost = client.start_rotation(arn)
    run("createSecret", arn, lost, client)
    run("setSecret", arn, lost, client)
    del client.secrets[arn].labels["AWSPENDING"]
    client.denied.add("list_secret_version_ids")
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    text = failure_of("setSecret", arn, token, client)
    assert "unlabelled" not in text
    assert "no known password logs in" in text


def test_a_previous_password_that_works_heals_a_wrong_current_one(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str, user: str
) -> None:
    client.store(arn, postgres.value(user, "canary-mistyped"))
    rotate(arn, client)
    assert logs_in(postgres, client.value(arn))


def test_when_no_password_works_each_attempt_is_reported_once(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str, user: str
) -> None:
    postgres.set_password(user, "canary-changed-by-hand")
    client.store(arn, postgres.value(user, "canary-mistyped"))
    client.store(arn, postgres.value(user, "canary-mistyped-again"))
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    text = failure_of("setSecret", arn, token, client)
    attempts = [label for label in ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "unlabelled") if f"{label} (" in text]
    assert attempts == ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "unlabelled"]
    assert text.count("wrong password") == 4
    assert f"user '{user}' at 127.0.0.1:{postgres.server.port}, TLS mode prefer: login refused" in text
    assert "store one that does (PutSecretValue), then rotate again" in text


def test_a_password_that_stands_in_two_versions_is_tried_once(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str, user: str
) -> None:
    postgres.set_password(user, "canary-changed-by-hand")
    client.store(arn, postgres.value(user, FIRST, note="only the note changed"))
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    assert failure_of("setSecret", arn, token, client).count("wrong password") == 2


def test_a_role_that_does_not_exist_is_reported(postgres: PostgresTarget, client: SecretsSimulator) -> None:
    arn = client.create(postgres.value("nobody_here", FIRST))
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    assert "no such role" in failure_of("setSecret", arn, token, client)


@pytest.mark.parametrize(
    "change", [{"host": "localhost"}, {"username": "postgres"}, {"port": 1}, {"host": "127.0.0.2", "port": 5}]
)
def test_a_pending_value_for_another_host_port_or_user_is_refused_before_any_login(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str, change: dict[str, Any]
) -> None:
    before = client.value(arn)
    token = client.start_rotation(arn)
    client.secrets[arn].versions[token] = json.dumps({**before, "password": "canary-x", **change})
    assert "may not change within a rotation" in failure_of("setSecret", arn, token, client)
    assert logs_in(postgres, before)


def test_an_older_version_for_another_server_is_not_tried(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str, user: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        client.store(arn, postgres.value(user, FIRST, port=other.getsockname()[1]))
        client.store(arn, postgres.value(user, "canary-mistyped"))
        token = client.start_rotation(arn)
        run("createSecret", arn, token, client)
        # The version before that one is for this server, and works.
        run("setSecret", arn, token, client)
        other.settimeout(0.05)
        with pytest.raises(TimeoutError):
            other.accept()
    assert logs_in(postgres, client.value(arn, "AWSPENDING"))


def test_an_unreachable_server_stops_at_the_first_candidate(
    postgres: PostgresTarget, client: SecretsSimulator, user: str
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        arn = client.create(postgres.value(user, FIRST, port=port))
        token = client.start_rotation(arn)
        run("createSecret", arn, token, client)
        text = failure_of("setSecret", arn, token, client)
    assert f"AWSCURRENT (version {client.secrets[arn].labels['AWSCURRENT']})" in text
    assert f"127.0.0.1:{port}, TLS mode prefer: unreachable" in text
    assert "AWSPENDING (" not in text


def test_a_missing_database_is_reported_as_such_and_not_as_a_wrong_password(
    postgres: PostgresTarget, client: SecretsSimulator, user: str
) -> None:
    arn = client.create(postgres.value(user, FIRST, dbname="not_there"))
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    text = failure_of("setSecret", arn, token, client)
    assert "the database does not exist" in text
    assert "wrong password" not in text


def test_set_secret_before_create_secret_is_refused(client: SecretsSimulator, arn: str) -> None:
    assert "createSecret must come first" in failure_of("setSecret", arn, client.start_rotation(arn), client)


def test_test_secret_fails_while_the_server_does_not_know_the_password(client: SecretsSimulator, arn: str) -> None:
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    assert "AWSPENDING" in failure_of("testSecret", arn, token, client)


def test_the_configuration_test_passes_on_a_copy_of_the_current_value(client: SecretsSimulator, arn: str) -> None:
    token = client.start_rotation(arn)
    secret = client.secrets[arn]
    secret.versions[token] = secret.versions[secret.labels["AWSCURRENT"]]
    run("testSecret", arn, token, client)
    run("setSecret", arn, token, client)


def test_no_time_left_fails_the_step_with_a_reason(client: SecretsSimulator, arn: str) -> None:
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    with pytest.raises(StepFailed, match="no time is left"):
        run("setSecret", arn, token, client, seconds=0.2)


def test_a_server_that_goes_away_after_the_login_fails_the_step_and_its_repetition_heals(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    with monkeypatch.context() as patched:
        change = PostgresSession.change_own_password

        def cut_before(session: PostgresSession, new: Password) -> None:
            postgres.end_sessions(user)
            change(session, new)

        patched.setattr(PostgresSession, "change_own_password", cut_before)
        text = failure_of("setSecret", arn, token, client)
    assert f"user '{user}' at 127.0.0.1:{postgres.server.port}: after the login the connection was lost" in text
    run("setSecret", arn, token, client)
    assert logs_in(postgres, client.value(arn, "AWSPENDING"))


def test_a_role_that_acts_as_another_changes_its_own_password(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str, user: str
) -> None:
    postgres.run("CREATE ROLE {} NOLOGIN", f"{user}_owner", literals=0)
    postgres.run("GRANT {} TO {}", f"{user}_owner", user, literals=0)
    postgres.run("ALTER ROLE {} SET role = {}", user, f"{user}_owner")
    rotate(arn, client)
    assert logs_in(postgres, client.value(arn))


# The admin secret


def with_admin(
    postgres: PostgresTarget, client: SecretsSimulator, user: str, user_password: str = FIRST, **admin: Any
) -> str:
    postgres.create_administrator(f"{user}_admin", "canary-admin-password", over=user)
    value = {**postgres.value(f"{user}_admin", "canary-admin-password"), **admin}
    link = client.create({key: part for key, part in value.items() if part is not None}, name="admin")
    return client.create(postgres.value(user, user_password, masterarn=link))


@pytest.mark.usefixtures("own_change_refused")
def test_the_admin_secret_changes_the_password_where_the_user_may_not(
    postgres: PostgresTarget, client: SecretsSimulator, user: str
) -> None:
    arn = with_admin(postgres, client, user)
    for _ in range(2):
        former = client.value(arn)
        rotate(arn, client, times=2)
        assert logs_in(postgres, client.value(arn))
        assert not logs_in(postgres, former)


def test_the_admin_secret_is_not_read_where_the_user_may(
    postgres: PostgresTarget, client: SecretsSimulator, user: str
) -> None:
    arn = with_admin(postgres, client, user)
    link = client.value(arn)["masterarn"]
    rotate(arn, client)
    assert link not in [members.get("SecretId") for _, members in client.calls]


@pytest.mark.usefixtures("own_change_refused")
def test_without_an_admin_secret_a_refused_own_change_names_the_cure(client: SecretsSimulator, arn: str) -> None:
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    text = failure_of("setSecret", arn, token, client)
    assert "only the administrator changes passwords here" in text
    assert "masterarn" in text


def test_the_admin_is_not_asked_when_no_version_of_the_secret_logs_in(
    postgres: PostgresTarget, client: SecretsSimulator, user: str
) -> None:
    arn = with_admin(postgres, client, user, user_password="canary-guessed")
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    assert "no known password logs in" in failure_of("setSecret", arn, token, client)
    link = client.value(arn)["masterarn"]
    assert link not in [members.get("SecretId") for _, members in client.calls]
    assert logs_in(postgres, postgres.value(user, FIRST))


@pytest.mark.usefixtures("own_change_refused")
@pytest.mark.parametrize(
    ("admin", "said"),
    [
        ({"host": "localhost"}, "both must name the same server"),
        ({"port": 1}, "both must name the same server"),
        ({"host": None}, '"host" is missing'),
        ({"password": "canary-wrong"}, "wrong password"),
    ],
)
def test_an_admin_secret_that_does_not_fit_is_refused(
    postgres: PostgresTarget, client: SecretsSimulator, user: str, admin: dict[str, Any], said: str
) -> None:
    arn = with_admin(postgres, client, user, **admin)
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    assert said in failure_of("setSecret", arn, token, client)
    assert logs_in(postgres, client.value(arn))


@pytest.mark.usefixtures("own_change_refused")
def test_an_admin_without_rights_over_the_role_is_refused_with_the_cure(
    postgres: PostgresTarget, client: SecretsSimulator, user: str
) -> None:
    postgres.create_user(f"{user}_weak", "canary-weak-password")
    link = client.create(postgres.value(f"{user}_weak", "canary-weak-password"), name="admin")
    arn = client.create(postgres.value(user, FIRST, masterarn=link))
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    assert "WITH ADMIN OPTION" in failure_of("setSecret", arn, token, client)


@pytest.mark.usefixtures("own_change_refused")
def test_a_missing_admin_secret_is_named(postgres: PostgresTarget, client: SecretsSimulator, user: str) -> None:
    arn = client.create(postgres.value(user, FIRST, masterarn="arn:aws:secretsmanager:nowhere"))
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    assert "arn:aws:secretsmanager:nowhere" in failure_of("setSecret", arn, token, client)


def test_no_password_of_a_rotation_stands_in_the_server_log(
    postgres: PostgresTarget, client: SecretsSimulator, arn: str
) -> None:
    rotate(arn, client)
    log = postgres.log_text()
    assert "ALTER ROLE" in log
    assert client.value(arn)["password"] not in log
    assert FIRST not in log


def test_a_driver_error_that_quotes_the_new_password_leaves_without_it(
    client: SecretsSimulator, arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(_session: object, new: Password) -> None:
        raise RuntimeError(f"syntax error near PASSWORD '{new.reveal()}'")

    monkeypatch.setattr("detent.functions.engines.postgres.PostgresSession.change_own_password", careless)
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client)
    text = failure_of("setSecret", arn, token, client)
    assert "syntax error near PASSWORD '[redacted]'" in text
    assert client.value(arn, "AWSPENDING")["password"] not in text
