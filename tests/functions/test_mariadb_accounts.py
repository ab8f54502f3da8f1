"""Accounts of MariaDB: a user has several, each with several ways to log in."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.engines import engine_named
from detent.functions.engines.mariadb import MariadbSession
from detent.functions.engines.mariadb.accounts import account_of
from detent.functions.errors import ChangeRefused, EngineUnavailable
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.stories import rotate
from servers.mariadb import MariadbTarget
from servers.target import OLD

NEW = Password("new-password")


def session_of(target: MariadbTarget, user: str, password: str) -> MariadbSession:
    session = engine_named("mariadb").connect(target.login(user, password), lambda: 30.0)
    assert isinstance(session, MariadbSession)
    return session


def created(target: MariadbTarget, account: str) -> str:
    ((text,),) = target.run(f"SHOW CREATE USER {account}")
    return str(text)


@pytest.fixture
def user(mariadb: MariadbTarget) -> str:
    return str(mariadb.new_value()["username"])


@pytest.fixture
def admin(mariadb: MariadbTarget, user: str) -> Iterator[MariadbSession]:
    mariadb.create_administrator(f"{user}_admin", "admin-password", over=user)
    with closing(session_of(mariadb, f"{user}_admin", "admin-password")) as session:
        yield session


# Several accounts


def test_an_administrator_changes_the_accounts_of_every_host(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    mariadb.run(f"CREATE USER {user}@'10.1.%' IDENTIFIED BY 'another'")
    admin.set_password(user, NEW)
    assert created(mariadb, f"{user}@'10.1.%'").endswith(created(mariadb, user).partition("IDENTIFIED")[2])
    admin.add_password(user, Password("second"))
    admin.retire_passwords(user, [Password("second")])
    assert created(mariadb, f"{user}@'10.1.%'").endswith(created(mariadb, user).partition("IDENTIFIED")[2])
    assert mariadb.logs_in(user, "second")


def test_an_account_that_drifted_gets_the_password_that_is_kept(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    mariadb.run(f"CREATE USER {user}@'10.1.%' IDENTIFIED BY 'another'")
    admin.retire_passwords(user, [Password(OLD)])
    assert created(mariadb, f"{user}@'10.1.%'").endswith(created(mariadb, user).partition("IDENTIFIED")[2])


def test_a_user_who_sees_more_accounts_of_its_name_leaves_the_change_to_the_administrator(
    mariadb: MariadbTarget, user: str
) -> None:
    mariadb.run(f"CREATE USER {user}@'10.1.%' IDENTIFIED BY 'another'")
    mariadb.run("GRANT SELECT ON mysql.user TO {}", user)
    with (
        closing(session_of(mariadb, user, OLD)) as session,
        pytest.raises(ChangeRefused, match="more passwords or accounts"),
    ):
        session.change_own_password(NEW)
    assert mariadb.logs_in(user, OLD)


def test_a_name_that_differs_by_a_space_at_the_end_is_another_user(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    mariadb.create_user(f"{user}2 ", "another")
    with pytest.raises(ChangeRefused, match="there is no user"):
        admin.set_password(f"{user}2", NEW)
    admin.set_password(f"{user}2 ", NEW)
    assert mariadb.logs_in(f"{user}2 ", "new-password")


def test_a_role_is_no_user(mariadb: MariadbTarget, user: str, admin: MariadbSession) -> None:
    mariadb.run("CREATE ROLE {}", f"{user}_role")
    with pytest.raises(ChangeRefused, match="there is no user"):
        admin.set_password(f"{user}_role", NEW)


# Several ways to log in


def test_a_password_set_after_two_were_valid_is_the_only_one(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    admin.add_password(user, NEW)
    with closing(session_of(mariadb, user, OLD)) as session, pytest.raises(ChangeRefused, match="more passwords"):
        session.change_own_password(Password("third"))
    admin.set_password(user, Password("third"))
    assert [mariadb.logs_in(user, one) for one in (OLD, "new-password", "third")] == [False, False, True]
    with closing(session_of(mariadb, user, "third")) as session:
        session.change_own_password(NEW)
    assert mariadb.logs_in(user, "new-password")


def test_single_user_after_dual_password_leaves_one_password(mariadb: MariadbTarget, user: str) -> None:
    mariadb.create_administrator(f"{user}_admin", "admin-password", over=user)
    client = SecretsSimulator()
    link = client.create(mariadb.value(f"{user}_admin", "admin-password"), name="admin")
    arn = client.create(mariadb.value(user, OLD, masterarn=link))
    rotate(arn, client, function=BUILTIN["detent-mariadb-dual-password"])
    former = [client.value(arn, label) for label in ("AWSCURRENT", "AWSPREVIOUS")]
    assert all(map(mariadb.alive, former))
    rotate(arn, client, function=BUILTIN["detent-mariadb-single-user"])
    assert not any(map(mariadb.alive, former))
    assert mariadb.alive(client.value(arn))


def test_the_rule_of_the_hosts_own_account_stays_as_it_is(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    mariadb.run("ALTER USER {} IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket", user)
    for change in (admin.set_password, admin.add_password):
        change(user, NEW)
        assert mariadb.logs_in(user, "new-password")
        assert created(mariadb, user).endswith("OR unix_socket")
    admin.retire_passwords(user, [NEW])
    assert created(mariadb, user).count("mysql_native_password") == 1
    assert created(mariadb, user).endswith("OR unix_socket")


@pytest.mark.parametrize("rule", ["ed25519 USING PASSWORD('x')", "unix_socket"])
def test_an_account_of_another_plugin_is_refused_with_the_cure(
    mariadb: MariadbTarget, user: str, admin: MariadbSession, rule: str
) -> None:
    mariadb.run(f"ALTER USER {{}} IDENTIFIED VIA {rule}", user)
    before = created(mariadb, user)
    for change in (admin.set_password, admin.add_password):
        with pytest.raises(ChangeRefused, match="IDENTIFIED VIA mysql_native_password"):
            change(user, NEW)
    assert created(mariadb, user) == before


def test_a_second_password_of_another_plugin_is_kept_beside_two_and_refused_beside_one(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    rule = "ed25519 USING 'ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY'"
    mariadb.run(f"ALTER USER {{}} IDENTIFIED VIA mysql_native_password USING PASSWORD('{OLD}') OR {rule}", user)
    admin.add_password(user, NEW)
    assert created(mariadb, user).endswith(f" OR {rule}")
    with pytest.raises(ChangeRefused, match="another plug-in"):
        admin.set_password(user, NEW)


def test_a_locked_account_is_not_given_a_password_that_would_not_help(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    mariadb.run("ALTER USER {} ACCOUNT LOCK", user)
    with pytest.raises(ChangeRefused, match="ACCOUNT UNLOCK"):
        admin.set_password(user, NEW)


def test_a_new_password_ends_the_expiry_of_the_old(mariadb: MariadbTarget, user: str, admin: MariadbSession) -> None:
    mariadb.run("ALTER USER {} PASSWORD EXPIRE", user)
    admin.set_password(user, NEW)
    session_of(mariadb, user, "new-password").close()


def test_an_account_that_is_told_in_another_form_is_not_guessed_at() -> None:
    with pytest.raises(EngineUnavailable, match="not understood"):
        account_of("CREATE USER `a`@`%` IDENTIFIED WITH something")
