"""Whom MariaDB lets in, over what, and what the engine makes of it."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from detent.functions.engines import engine_named
from detent.functions.engines.mariadb import MariadbSession, faults
from detent.functions.errors import EngineUnavailable, LoginRejected
from servers.mariadb import MariadbTarget
from servers.mariadb_server import MariadbServer
from servers.target import OLD


def plenty() -> float:
    return 30.0


def connect(target: MariadbTarget, value: dict[str, Any], **settings: Any) -> MariadbSession:
    login = target.login(value["username"], value["password"], **settings)
    session = engine_named("mariadb").connect(login, plenty)
    assert isinstance(session, MariadbSession)
    return session


@contextmanager
def setting(target: MariadbTarget, name: str, value: str) -> Iterator[None]:
    ((before,),) = target.run(f"SELECT @@GLOBAL.{name}")
    target.run(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        target.run(f"SET GLOBAL {name} = {before}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("ACCOUNT LOCK", "ALTER USER … ACCOUNT UNLOCK"),
        ("PASSWORD EXPIRE", "the password has expired"),
        ("REQUIRE X509", "wrong password, no such user"),
    ],
)
def test_an_account_that_lets_nobody_in_is_a_rejected_login(mariadb: MariadbTarget, options: str, said: str) -> None:
    value = mariadb.new_value()
    mariadb.run(f"ALTER USER {{}} {options}", value["username"])
    with pytest.raises(LoginRejected, match=said):
        connect(mariadb, value)


def test_an_expired_password_is_told_too_where_the_server_ends_the_connection(mariadb: MariadbTarget) -> None:
    value = mariadb.new_value()
    mariadb.run("ALTER USER {} PASSWORD EXPIRE", value["username"])
    with (
        setting(mariadb, "disconnect_on_expired_password", "1"),
        pytest.raises(LoginRejected, match="the password has expired"),
    ):
        connect(mariadb, value)


def test_an_account_for_other_addresses_or_of_the_socket_only_is_a_rejected_login(mariadb: MariadbTarget) -> None:
    for user, host, how in (("far", "10.0.0.1", "BY 'x'"), ("near", "%", "VIA unix_socket")):
        mariadb.run(f"CREATE OR REPLACE USER {user}@'{host}' IDENTIFIED {how}")
        with pytest.raises(LoginRejected, match="login refused"):
            connect(mariadb, mariadb.value(user, OLD))


def test_too_many_connections_blame_no_password(mariadb: MariadbTarget) -> None:
    value = mariadb.new_value()
    mariadb.run("ALTER USER {} WITH MAX_USER_CONNECTIONS 1", value["username"])
    with closing(connect(mariadb, value)), pytest.raises(EngineUnavailable, match="too many connections"):
        connect(mariadb, value)


def test_a_login_let_in_by_an_anonymous_account_proves_nothing(mariadb: MariadbTarget) -> None:
    mariadb.run(f"CREATE USER ''@'%' IDENTIFIED BY '{OLD}'")
    try:
        with pytest.raises(EngineUnavailable, match="account of another name"):
            connect(mariadb, mariadb.value("nobody_knows_me", OLD))
    finally:
        mariadb.run("DROP USER ''@'%'")


def test_a_name_that_the_server_cuts_off_proves_nothing(mariadb: MariadbTarget) -> None:
    longest = engine_named("mariadb").FACTS.longest_name
    mariadb.create_user("x" * longest, OLD)
    connect(mariadb, mariadb.value("x" * longest, OLD)).close()
    with pytest.raises(EngineUnavailable, match="account of another name"):
        connect(mariadb, mariadb.value("x" * longest + "y", OLD))


def test_a_server_that_checks_nothing_proves_nothing() -> None:
    with MariadbServer(skip_grant_tables="1") as server:
        place = {"host": server.host, "port": server.port}
        value = {"engine": "mariadb", **place, "username": "anybody", "password": OLD}
        target = MariadbTarget(server)
        with pytest.raises(EngineUnavailable, match="--skip-grant-tables"):
            connect(target, value)


def test_a_name_that_the_server_does_not_tell_from_others_is_a_fault() -> None:
    assert "beyond U+FFFF" in faults({"username": "e🔑"})[0]
    assert faults({"username": "ünï", "dbname": 5}) == ['"dbname" must be text']


# TLS


def cipher(session: MariadbSession) -> str:
    row = session.probe("SHOW STATUS LIKE 'Ssl_cipher'")
    assert row is not None
    return str(row[1])


def test_on_loopback_tls_is_taken_where_it_is_offered(mariadb: MariadbTarget, plain_mariadb: MariadbTarget) -> None:
    for target, encrypted in ((mariadb, True), (plain_mariadb, False)):
        with closing(connect(target, target.new_value())) as session:
            assert bool(cipher(session)) is encrypted
    with closing(connect(mariadb, mariadb.new_value(), ssl=False)) as session:
        assert not cipher(session)


def test_a_user_who_must_come_over_tls_does(mariadb: MariadbTarget) -> None:
    with closing(connect(mariadb, mariadb.require_tls())) as session:
        assert cipher(session)


@pytest.mark.parametrize("wish", [{"ssl": True}, {"sslmode": "require"}, {"sslmode": "verify-full"}])
def test_a_server_without_tls_is_refused_and_the_cure_named(plain_mariadb: MariadbTarget, wish: dict[str, Any]) -> None:
    with pytest.raises(EngineUnavailable, match='"ssl": false'):
        connect(plain_mariadb, plain_mariadb.new_value(), **wish)


def test_a_ca_that_is_no_certificate_inside_is_an_unavailable_engine(mariadb: MariadbTarget) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n"
    with pytest.raises(EngineUnavailable, match="certificate was not accepted"):
        connect(mariadb, mariadb.new_value(), sslrootcert=broken)


def test_a_statement_that_takes_too_long_is_given_up_in_time(mariadb: MariadbTarget) -> None:
    value = mariadb.new_value()
    deadline = time.monotonic() + 2
    login = mariadb.login(value["username"], value["password"])
    session = engine_named("mariadb").connect(login, lambda: deadline - time.monotonic())
    assert isinstance(session, MariadbSession)
    with closing(session), pytest.raises(EngineUnavailable):
        session.probe("SELECT SLEEP(30)")
    assert time.monotonic() < deadline + 1
