"""MariaDB set to things that change what a rotation meets: rules about passwords, read-only, other dialects."""

import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.engines import engine_named
from detent.functions.engines.mariadb import MariadbSession
from detent.functions.errors import ChangeRefused, PasswordRefused, ProbeFailed
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.stories import rotate
from servers.mariadb import MariadbTarget
from servers.mariadb_server import MariadbServer
from servers.target import OLD

NEW = Password("new-password")


def session_of(target: MariadbTarget, user: str, password: str) -> MariadbSession:
    session = engine_named("mariadb").connect(target.login(user, password), lambda: 30.0)
    assert isinstance(session, MariadbSession)
    return session


@pytest.fixture(scope="module")
def own_server() -> Iterator[MariadbTarget]:
    with MariadbServer(skip_ssl="1") as server:
        yield MariadbTarget(server)


@pytest.fixture
def strict(own_server: MariadbTarget) -> Iterator[MariadbTarget]:
    own_server.run("INSTALL SONAME 'simple_password_check'; SET GLOBAL simple_password_check_digits = 3")
    yield own_server
    own_server.run("UNINSTALL SONAME 'simple_password_check'; SET GLOBAL strict_password_validation = ON")


def test_a_server_that_checks_passwords_itself_takes_no_hash_and_the_cure_is_named(strict: MariadbTarget) -> None:
    name = f"app_{uuid.uuid4().hex[:8]}"
    strict.create_user(name, "Canary-123")
    strict.create_administrator(f"{name}_admin", "Canary-123", over=name)
    with (
        closing(session_of(strict, name, "Canary-123")) as own,
        closing(session_of(strict, f"{name}_admin", "Canary-123")) as admin,
    ):
        for attempt in (
            lambda: own.change_own_password(NEW),
            lambda: admin.set_password(name, NEW),
            lambda: admin.clone_user(name, f"{name}_clone", NEW),
        ):
            with pytest.raises(ChangeRefused, match="SET GLOBAL strict_password_validation = OFF"):
                attempt()
        with pytest.raises(PasswordRefused, match="policy requirements"):
            own._done(lambda: own._run("SET PASSWORD = PASSWORD('short')"))
    assert strict.logs_in(name, "Canary-123")


def test_the_servers_rules_about_passwords_are_read_and_kept(strict: MariadbTarget) -> None:
    strict.run("SET GLOBAL strict_password_validation = OFF")
    value = strict.value(f"app_{uuid.uuid4().hex[:8]}", "Canary-123")
    strict.create_user(value["username"], "Canary-123")
    with closing(session_of(strict, value["username"], "Canary-123")) as session:
        policy = session.password_policy()
    assert (policy.length, policy.digits, policy.uppercase, policy.lowercase, policy.others) == (8, 3, 1, 1, 1)
    client = SecretsSimulator()
    arn = client.create(value)
    for _ in range(3):
        rotate(arn, client, function=BUILTIN["detent-mariadb-single-user"])
        assert policy.admits(Password(client.value(arn)["password"]))
        assert strict.alive(client.value(arn))
        strict.run(f"ALTER USER {{}} IDENTIFIED BY {strict.literal(client.value(arn)['password'])}", value["username"])


def test_a_server_without_rules_has_an_empty_policy(mariadb: MariadbTarget) -> None:
    with closing(session_of(mariadb, mariadb.new_value()["username"], OLD)) as session:
        assert session.password_policy().length == 0


def test_a_read_only_replica_is_told_so(own_server: MariadbTarget) -> None:
    value = own_server.new_value()
    with closing(session_of(own_server, value["username"], OLD)) as session:
        own_server.run("SET GLOBAL read_only = ON")
        try:
            with pytest.raises(ChangeRefused, match="read-only replica"):
                session.change_own_password(NEW)
        finally:
            own_server.run("SET GLOBAL read_only = OFF")


def test_names_are_quoted_and_read_whatever_dialect_the_server_has(own_server: MariadbTarget) -> None:
    own_server.run("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'; SET GLOBAL sql_quote_show_create = OFF")
    try:
        for odd in ('dou"ble', "back\\slash", "quo'te", "back`tick"):
            own_server.create_user(odd, OLD)
            own_server.grant_something(odd)
            own_server.create_administrator(f"{odd}_admin", "admin-password", over=odd)
            with closing(session_of(own_server, f"{odd}_admin", "admin-password")) as session:
                session.clone_user(odd, f"{odd}_clone", NEW)
                assert session.probe('SELECT 1 AS "one"') == (1,)  # the application's dialect, not ours
                assert session.privileges(odd) == session.privileges(f"{odd}_clone")
            assert own_server.logs_in(f"{odd}_clone", "new-password")
    finally:
        own_server.run("SET GLOBAL sql_mode = DEFAULT; SET GLOBAL sql_quote_show_create = ON")


def test_what_a_probe_writes_is_taken_back(mariadb: MariadbTarget) -> None:
    user = str(mariadb.new_value()["username"])
    mariadb.run("GRANT SELECT, INSERT ON app.t TO {}", user)
    with closing(session_of(mariadb, user, OLD)) as session:
        assert session.probe("INSERT INTO app.t VALUES (4711, 1)") is None
        assert session.probe("SELECT COUNT(*) FROM app.t WHERE a = 4711") == (0,)
        with pytest.raises(ProbeFailed, match="denied"):
            session.probe("DELETE FROM app.t")
        assert session.probe("SELECT a, '%s' FROM app.t UNION SELECT 1, '%'") == (1, "%")
