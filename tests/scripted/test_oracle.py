"""What only Oracle does: its rollover, its names; and the real driver over TLS and before a silent listener."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from detent.functions.engines import engine_named
from detent.functions.engines.oracle.session import OracleSession
from detent.functions.errors import ChangeRefused, EngineUnavailable
from detent.functions.passwords import Password
from detent.functions.values import login_of
from scripted.oracle import OracleTarget, error
from servers.certificates import Certificates
from servers.target import OLD


@pytest.fixture
def oracle(scripted: Callable[[str], Any]) -> OracleTarget:
    target = scripted("oracle")
    assert isinstance(target, OracleTarget)
    return target


def connect(oracle: OracleTarget, user: str, password: str) -> OracleSession:
    session = oracle.module.connect(oracle.login(user, password), lambda: 30.0)
    assert isinstance(session, OracleSession)
    return session


@pytest.fixture
def admin(oracle: OracleTarget) -> Iterator[OracleSession]:
    oracle.create_user("app", OLD)
    oracle.create_administrator("rotator", "admin-password", over="app")
    with closing(connect(oracle, "rotator", "admin-password")) as session:
        yield session


def alterations(oracle: OracleTarget, since: int) -> list[str]:
    return [statement for statement in oracle.server.asked[since:] if statement.startswith("ALTER USER")]


def test_an_own_change_tells_the_current_password_of_this_connection(oracle: OracleTarget) -> None:
    oracle.create_user("app", OLD)
    with closing(connect(oracle, "app", OLD)) as session:
        session.change_own_password(Password("new"))
        session.change_own_password(Password("newer"))
    first, second = alterations(oracle, 0)
    assert first == f'ALTER USER "APP" IDENTIFIED BY "new" REPLACE "{OLD}"'
    assert second == 'ALTER USER "APP" IDENTIFIED BY "newer" REPLACE "new"'


def test_an_own_change_is_refused_where_the_former_password_would_live_on(
    oracle: OracleTarget, admin: OracleSession
) -> None:
    assert admin.ping() is None
    with (
        closing(connect(oracle, "app", OLD)) as session,
        pytest.raises(ChangeRefused, match="PASSWORD_ROLLOVER_TIME 0"),
    ):
        session.change_own_password(Password("new"))


def test_a_password_set_by_an_admin_ends_a_rollover(oracle: OracleTarget, admin: OracleSession) -> None:
    admin.set_password("app", Password("new"))
    assert alterations(oracle, 0)[-1] == 'ALTER USER "APP" EXPIRE PASSWORD ROLLOVER PERIOD'
    assert not oracle.logs_in("app", OLD)


def test_the_password_to_keep_is_made_the_latest_before_the_rollover_ends(
    oracle: OracleTarget, admin: OracleSession
) -> None:
    admin.add_password("app", Password("pending that was lost"))
    before = len(oracle.server.asked)
    admin.retire_passwords("app", [Password(OLD)])
    latest, expired = alterations(oracle, before)
    assert latest == f'ALTER USER "APP" IDENTIFIED BY "{OLD}"'
    assert expired.endswith("EXPIRE PASSWORD ROLLOVER PERIOD")
    assert oracle.logs_in("app", OLD)
    assert not oracle.logs_in("app", "pending that was lost")


def test_nothing_is_ended_where_the_password_to_keep_cannot_be_made_the_latest(
    oracle: OracleTarget, admin: OracleSession
) -> None:
    admin.add_password("app", Password("second"))
    oracle.server.trouble("IDENTIFIED BY", error(28007, "the password cannot be reused"))
    with pytest.raises(ChangeRefused, match="PASSWORD_REUSE_TIME"):
        admin.retire_passwords("app", [Password(OLD)])
    assert oracle.logs_in("app", OLD)
    assert oracle.logs_in("app", "second")


def test_a_profile_without_rollover_takes_no_second_password(oracle: OracleTarget, admin: OracleSession) -> None:
    oracle.server.accounts["app"].settings["profile"] = "DEFAULT"
    with pytest.raises(ChangeRefused, match="PASSWORD_ROLLOVER_TIME and days"):
        admin.add_password("app", Password("second"))
    assert not oracle.logs_in("app", "second")


def test_a_name_in_double_quotes_keeps_its_letters(oracle: OracleTarget, admin: OracleSession) -> None:
    oracle.create_user('"app"', OLD)
    admin.set_password('"app"', Password("new"))
    assert oracle.server.asked[-2].startswith('ALTER USER "app" IDENTIFIED BY')
    assert oracle.logs_in('"app"', "new")
    assert oracle.logs_in("app", OLD)


def test_a_locked_user_is_refused_with_the_cure(oracle: OracleTarget, admin: OracleSession) -> None:
    oracle.server.accounts["app"].settings["status"] = "LOCKED"
    with pytest.raises(ChangeRefused, match="ACCOUNT UNLOCK"):
        admin.set_password("app", Password("new"))


def test_a_value_says_which_service() -> None:
    engine = engine_named("oracle")
    assert engine.faults({}) == ['"dbname" is missing, the name of the service']
    assert engine.faults({"sid": "ORCL"}) == []


# The driver itself


@pytest.fixture
def tls_port(certificates: Certificates) -> Iterator[int]:
    """A port that shakes hands, and then says nothing and hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    taken, _ = listening.accept()
                    with suppress(OSError), context.wrap_socket(taken, server_side=True) as secure:
                        secure.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("host", "ca", "mode", "said"),
    [
        ("localhost", "ca", "verify-full", "the server closed the connection"),  # after the handshake
        ("127.0.0.1", "ca", "verify-full", "for another name"),
        ("127.0.0.1", "ca", "verify-ca", "the server closed the connection"),
        ("127.0.0.1", None, "require", "the server closed the connection"),
        ("localhost", "stranger", "verify-full", "certificate was not accepted"),
        ("localhost", None, "verify-full", "certificate was not accepted"),
    ],
)
def test_tls_is_verified_as_the_secret_wishes(
    certificates: Certificates, tls_port: int, *, host: str, ca: str | None, mode: str, said: str
) -> None:
    engine = engine_named("oracle")
    own = {"sslrootcert": getattr(certificates, ca)} if ca else {}
    place = {"engine": "oracle", "host": host, "port": tls_port, "dbname": "service", "sslmode": mode, **own}
    with pytest.raises(EngineUnavailable, match=said):
        engine.connect(login_of({**place, "username": "app", "password": OLD}, engine), lambda: 30.0)


def test_a_context_that_the_driver_changes_is_nobody_elses(certificates: Certificates, tls_port: int) -> None:
    from detent.functions.tls import context_for  # noqa: PLC0415 - read where it is looked at

    settings = {"sslmode": "verify-full", "sslrootcert": certificates.ca}
    engine = engine_named("oracle")
    place = {"engine": "oracle", "host": "localhost", "port": tls_port, "dbname": "service", **settings}
    with pytest.raises(EngineUnavailable):
        engine.connect(login_of({**place, "username": "app", "password": OLD}, engine), lambda: 30.0)
    assert context_for(settings, "verify-full").check_hostname is True
