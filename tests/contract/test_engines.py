"""What every engine promises, on every server we can start. A new engine is one row of SERVERS."""

import logging
import socket
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from detent.functions.abilities import Administration, OwnPassword
from detent.functions.engines import Engine, engine_named
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.passwords import Password

# name of the row: (fixture that starts servers, its argument)
SERVERS = {
    "postgres-system": ("postgres_from", "system"),
    "postgres-wheel": ("postgres_from", "wheel"),
}

HOSTILE = [
    "with space",
    "quo'te",
    'dou"ble',
    "$$tag$$",
    "%s%%",
    "back\\slash",
    "new\nline",
    "ünïcödé-🔑",
    "{brace}",
    "'; DROP ROLE postgres; --",
    "\u00a0nbsp\u00ad",  # changed by SASLprep
    "\u0007bell",  # forbidden by SASLprep
]


@pytest.fixture(params=SERVERS.values(), ids=SERVERS.keys())
def target(request: pytest.FixtureRequest) -> Any:
    fixture, argument = request.param
    return request.getfixturevalue(fixture)(argument)


@pytest.fixture
def engine(target: Any) -> Engine:
    return engine_named(target.engine)


@pytest.fixture
def user(target: Any) -> str:
    name = f"app_{uuid.uuid4().hex[:12]}"
    target.create_user(name, "old-password")
    return name


def plenty() -> float:
    return 30.0


def logs_in(engine: Engine, target: Any, user: str, password: str) -> bool:
    try:
        engine.connect(target.login(user, password), plenty).close()
    except LoginRejected:
        return False
    return True


def test_the_right_password_logs_in_and_pings(engine: Engine, target: Any, user: str) -> None:
    with closing(engine.connect(target.login(user, "old-password"), plenty)) as session:
        assert session.ping() is None
        assert isinstance(session, OwnPassword)
        assert isinstance(session, Administration)


def test_a_wrong_password_is_a_rejected_login(engine: Engine, target: Any, user: str) -> None:
    with pytest.raises(LoginRejected, match="wrong password"):
        engine.connect(target.login(user, "wrong-password"), plenty)


def test_an_unknown_user_is_a_rejected_login(engine: Engine, target: Any) -> None:
    with pytest.raises(LoginRejected):
        engine.connect(target.login("nobody_knows_me", "old-password"), plenty)


def test_a_user_who_may_not_log_in_is_told_so(engine: Engine, target: Any) -> None:
    name = f"still_{uuid.uuid4().hex[:12]}"
    target.create_user(name, "old-password", "no login")
    with pytest.raises(LoginRejected, match="may not log in"):
        engine.connect(target.login(name, "old-password"), plenty)


def test_an_expired_password_is_a_rejected_login_that_names_expiry(engine: Engine, target: Any) -> None:
    name = f"stale_{uuid.uuid4().hex[:12]}"
    target.create_user(name, "old-password", "expired")
    with pytest.raises(LoginRejected, match="VALID UNTIL"):
        engine.connect(target.login(name, "old-password"), plenty)


def test_too_many_connections_blame_no_password(engine: Engine, target: Any) -> None:
    name = f"crowd_{uuid.uuid4().hex[:12]}"
    target.create_user(name, "old-password", "no connections left")
    with pytest.raises(EngineUnavailable, match="too many connections"):
        engine.connect(target.login(name, "old-password"), plenty)


def test_a_missing_database_is_not_a_rejected_login(engine: Engine, target: Any, user: str) -> None:
    with pytest.raises(EngineUnavailable, match="database does not exist"):
        engine.connect(target.login(user, "old-password", dbname="no such database"), plenty)


def test_a_dead_port_is_an_unavailable_engine(engine: Engine, target: Any, user: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else takes it
        login = target.login(user, "old-password", port=held.getsockname()[1])
        with pytest.raises(EngineUnavailable, match="nothing listens"):
            engine.connect(login, plenty)


def test_a_server_that_never_answers_is_given_up_in_time(engine: Engine, target: Any, user: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        login = target.login(user, "old-password", port=silent.getsockname()[1])
        with pytest.raises(EngineUnavailable, match="no answer in time"):
            engine.connect(login, lambda: 1.0)


def test_no_time_left_is_an_unavailable_engine(engine: Engine, target: Any, user: str) -> None:
    with pytest.raises(EngineUnavailable, match="no time is left"):
        engine.connect(target.login(user, "old-password"), lambda: 0.1)


def test_a_name_that_is_not_resolved_is_an_unavailable_engine(engine: Engine, target: Any, user: str) -> None:
    with pytest.raises(EngineUnavailable, match="was not resolved"):
        engine.connect(target.login(user, "old-password", host="no-such-host.invalid"), plenty)


def test_a_host_of_several_addresses_is_tried_once_where_it_answers(engine: Engine, target: Any, user: str) -> None:
    with closing(engine.connect(target.login(user, "old-password", host="localhost"), plenty)) as session:
        assert session.ping() is None


def test_the_own_password_is_changed_and_the_change_repeated(engine: Engine, target: Any, user: str) -> None:
    with closing(engine.connect(target.login(user, "old-password"), plenty)) as session:
        session.change_own_password(Password("new-password"))
        session.change_own_password(Password("new-password"))
    assert logs_in(engine, target, user, "new-password")
    assert not logs_in(engine, target, user, "old-password")


def test_a_connection_that_is_cut_is_an_unavailable_engine(engine: Engine, target: Any, user: str) -> None:
    with closing(engine.connect(target.login(user, "old-password"), plenty)) as session:
        target.end_sessions(user)
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            session.change_own_password(Password("new-password"))
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            session.ping()
    assert logs_in(engine, target, user, "old-password")


def test_an_administrator_sets_a_password_and_sets_it_again(engine: Engine, target: Any, user: str) -> None:
    target.create_administrator(f"{user}_admin", "admin-password", over=user)
    with closing(engine.connect(target.login(f"{user}_admin", "admin-password"), plenty)) as session:
        session.set_password(user, Password("new-password"))
        session.set_password(user, Password("new-password"))
    assert logs_in(engine, target, user, "new-password")
    assert not logs_in(engine, target, user, "old-password")


def test_a_user_who_is_no_administrator_is_refused_with_the_cure(engine: Engine, target: Any, user: str) -> None:
    target.create_user(f"{user}_other", "other-password")
    with (
        closing(engine.connect(target.login(f"{user}_other", "other-password"), plenty)) as session,
        pytest.raises(ChangeRefused, match="ADMIN OPTION"),
    ):
        session.set_password(user, Password("new-password"))
    assert logs_in(engine, target, user, "old-password")


@pytest.mark.parametrize(
    ("kind", "reason"), [("expired", "VALID UNTIL"), ("no login", "may not log in"), (None, "no role")]
)
def test_an_administrator_is_told_why_a_new_password_would_not_help(
    engine: Engine, target: Any, user: str, kind: str | None, reason: str
) -> None:
    if kind is not None:
        target.create_user(f"{user}_odd", "old-password", kind)
    target.create_administrator(f"{user}_admin", "admin-password", over=user)
    with (
        closing(engine.connect(target.login(f"{user}_admin", "admin-password"), plenty)) as session,
        pytest.raises(ChangeRefused, match=reason),
    ):
        session.set_password(f"{user}_odd", Password("new-password"))


@pytest.mark.parametrize("odd", HOSTILE)
def test_any_password_can_be_set_and_logs_in(engine: Engine, target: Any, user: str, odd: str) -> None:
    with closing(engine.connect(target.login(user, "old-password"), plenty)) as session:
        session.change_own_password(Password(odd))
    assert logs_in(engine, target, user, odd)
    assert not logs_in(engine, target, user, "old-password")


@pytest.mark.parametrize("odd", HOSTILE)
def test_any_user_name_is_quoted(engine: Engine, target: Any, odd: str) -> None:
    name = f"{odd}-{uuid.uuid4().hex[:8]}"
    target.create_user(name, "old-password")
    with closing(engine.connect(target.login(name, "old-password"), plenty)) as session:
        session.change_own_password(Password("new-password"))
    target.create_administrator(f"{name}a", "admin-password", over=name)
    with closing(engine.connect(target.login(f"{name}a", "admin-password"), plenty)) as session:
        session.set_password(name, Password("newer-password"))
    assert logs_in(engine, target, name, "newer-password")
    assert logs_in(engine, target, target.server.superuser, target.server.password)


def test_no_password_stands_in_errors_driver_logs_or_the_server_log(
    engine: Engine, target: Any, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    canaries = {name: f"canary-{name}-{uuid.uuid4().hex}" for name in ("old", "new", "admin", "wrong")}
    target.set_password(user, canaries["old"])
    target.create_administrator(f"{user}_admin", canaries["admin"], over=user)
    texts = []

    def attempt(work: Callable[[], object]) -> None:
        try:
            work()
        except (LoginRejected, EngineUnavailable, ChangeRefused) as error:
            texts.append(f"{error} {error!r} {error.__cause__!r} {error.__context__!r}")

    with caplog.at_level(logging.DEBUG):
        with closing(engine.connect(target.login(user, canaries["old"]), plenty)) as session:
            session.change_own_password(Password(canaries["new"]))
            attempt(lambda: session.set_password(f"{user}_admin", Password(canaries["wrong"])))
        with closing(engine.connect(target.login(f"{user}_admin", canaries["admin"]), plenty)) as session:
            session.set_password(user, Password(canaries["old"]))
            attempt(lambda: session.set_password("ghost", Password(canaries["wrong"])))
            session.close()
            attempt(lambda: session.change_own_password(Password(canaries["wrong"])))
        attempt(lambda: engine.connect(target.login(user, canaries["wrong"]), plenty))
        attempt(lambda: engine.connect(target.login(user, canaries["old"], dbname="none"), plenty))
    assert len(texts) == 5
    assert "ALTER ROLE" in target.log_text()
    for place in ("\n".join(texts), caplog.text, target.log_text()):
        assert not [canary for canary in canaries.values() if canary in place]


def test_a_login_and_its_session_show_no_password(engine: Engine, target: Any, user: str) -> None:
    login = target.login(user, "old-password")
    with closing(engine.connect(login, plenty)) as session:
        assert "old-password" not in f"{login} {login!r} {session!r} {login.password}"
