"""What every engine promises, on every server we can start. A new engine is one row of tests/servers/table.py."""

import logging
import re
import socket
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from detent.functions.abilities import Administration, OwnPassword, Pairs, Probes, SeveralPasswords, ThrowAwayUsers
from detent.functions.engines import Engine, Login, engine_named, known_engines
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused, ProbeFailed
from detent.functions.passwords import Password
from detent.functions.values import login_of
from functions.fuse import Fuse, Killed
from servers.certificates import Certificates
from servers.table import SERVERS
from servers.target import OLD, Target

HOSTILE = [
    "with space",
    "quo'te",
    'dou"ble',
    "back`tick",
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
DELIVERED = (LoginRejected, EngineUnavailable, ChangeRefused, ProbeFailed)


@pytest.fixture(params=SERVERS)
def target(request: pytest.FixtureRequest, server_of: Callable[[str], Target]) -> Target:
    return server_of(request.param)


@pytest.fixture
def engine(target: Target) -> Engine:
    return target.module


@pytest.fixture
def value(target: Target) -> dict[str, Any]:
    return target.new_value()


def with_password(target: Target) -> str:
    """Skip the rows whose credential is a key that a service issues."""
    if target.module.FACTS.key_id is not None:
        pytest.skip("its keys are issued: tests/contract/test_issuers.py")
    name = target.username(f"app_{uuid.uuid4().hex[:12]}")
    target.create_user(name, OLD)
    return name


def able(engine: Engine, ability: type) -> None:
    if not issubclass(engine.FACTS.session, ability):
        pytest.skip(f"its sessions have no {ability.__name__}")


def plenty() -> float:
    return 30.0


def changed(target: Target, value: dict[str, Any], **changes: Any) -> Login:
    """The login of a value with some keys changed; None takes a key away."""
    return login_of({key: part for key, part in {**value, **changes}.items() if part is not None}, target.module)


def test_facts_say_what_a_reader_needs(engine: Engine) -> None:
    facts = engine.FACTS
    assert facts.names[0] == engine.__name__.rpartition(".")[2]  # type: ignore[attr-defined]  # a module
    assert facts.example["engine"] == facts.names[0]
    assert engine.faults(facts.example) == []
    assert facts.open_connections.endswith(".")
    assert facts.server_log.endswith(".")
    assert facts.privileges


def test_the_live_server_is_among_those_that_the_engine_says_it_ran_against(target: Target, engine: Engine) -> None:
    assert target.product() in engine.FACTS.run_against


def test_an_engine_without_a_live_server_says_so() -> None:
    live = {row.partition("-")[0] for row in SERVERS}
    for name in known_engines():
        assert bool(engine_named(name).FACTS.run_against) == (name in live), name


def test_the_right_credential_logs_in_and_pings(target: Target, engine: Engine, value: dict[str, Any]) -> None:
    with closing(engine.connect(changed(target, value), plenty)) as session:
        assert session.ping() is None
        assert isinstance(session, engine.FACTS.session)
    assert target.alive(value)


def test_a_wrong_password_is_a_rejected_login(target: Target, engine: Engine, value: dict[str, Any]) -> None:
    login = replace(changed(target, value), password=Password("wrong-password"))
    with pytest.raises(LoginRejected, match=target.says["wrong password"]):
        engine.connect(login, plenty)


def test_an_unknown_user_is_a_rejected_login(target: Target, engine: Engine) -> None:
    login = target.unknown_login()
    with pytest.raises(LoginRejected, match=target.says["unknown user"]):
        engine.connect(login, plenty)


def test_a_missing_database_is_not_a_rejected_login(target: Target, engine: Engine, value: dict[str, Any]) -> None:
    if not target.missing_database:
        pytest.skip("it has no databases")
    with pytest.raises(EngineUnavailable, match=target.says["missing database"]):
        engine.connect(changed(target, value, **target.missing_database), plenty)


def test_a_dead_port_is_an_unavailable_engine(target: Target, engine: Engine, value: dict[str, Any]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else takes it
        with pytest.raises(EngineUnavailable, match="nothing listens"):
            engine.connect(changed(target, value, port=held.getsockname()[1]), plenty)


def test_a_server_that_never_answers_is_given_up_in_time(target: Target, engine: Engine, value: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        login = changed(target, value, port=silent.getsockname()[1])
        with pytest.raises(EngineUnavailable, match="no answer in time"):
            engine.connect(login, lambda: 1.0)


def test_no_time_left_is_an_unavailable_engine(target: Target, engine: Engine, value: dict[str, Any]) -> None:
    with pytest.raises(EngineUnavailable, match="no time is left"):
        engine.connect(changed(target, value), lambda: 0.1)


def test_a_name_that_is_not_resolved_is_an_unavailable_engine(
    target: Target, engine: Engine, value: dict[str, Any]
) -> None:
    with pytest.raises(EngineUnavailable, match="was not resolved"):
        engine.connect(changed(target, value, host="no-such-host.invalid"), plenty)


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "224.0.0.1"])
def test_an_address_that_is_not_rotated_is_refused_before_anything_is_sent(
    target: Target, engine: Engine, value: dict[str, Any], host: str
) -> None:
    with pytest.raises(EngineUnavailable, match="are never reached"):
        engine.connect(changed(target, value, host=host), plenty)


def test_a_host_of_several_addresses_is_tried_once_where_it_answers(
    target: Target, engine: Engine, value: dict[str, Any]
) -> None:
    with closing(engine.connect(changed(target, value, host="localhost"), plenty)) as session:
        assert session.ping() is None


def test_a_missing_driver_names_the_extra_to_install(
    target: Target, engine: Engine, value: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not target.drivers:
        pytest.skip("it needs no driver")
    for module in target.drivers:
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(EngineUnavailable, match=rf"pip install 'detent\[{target.extra}\]'|pip install boto3"):
        engine.connect(changed(target, value), plenty)


def test_the_own_password_is_changed_and_the_change_repeated(target: Target, engine: Engine) -> None:
    able(engine, OwnPassword)
    user = with_password(target)
    target.let_change_itself(user)
    with closing(engine.connect(target.login(user, OLD), plenty)) as session:
        assert isinstance(session, OwnPassword)
        session.change_own_password(Password("new-password"))
        session.change_own_password(Password("new-password"))
    assert target.logs_in(user, "new-password")
    assert not target.logs_in(user, OLD)


def test_a_connection_that_is_cut_is_an_unavailable_engine(target: Target, engine: Engine) -> None:
    able(engine, OwnPassword)
    user = with_password(target)
    target.let_change_itself(user)
    with closing(engine.connect(target.login(user, OLD), plenty)) as session:
        target.end_sessions(user)
        assert isinstance(session, OwnPassword)
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            session.change_own_password(Password("new-password"))
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            session.ping()
    assert target.logs_in(user, OLD)


def test_open_connections_behave_as_the_facts_say(target: Target, engine: Engine) -> None:
    able(engine, Administration)
    user = with_password(target)
    target.create_administrator(f"{user}_admin", "admin-password", over=user)
    with (
        closing(engine.connect(target.login(user, OLD), plenty)) as open_one,
        closing(engine.connect(target.login(f"{user}_admin", "admin-password"), plenty)) as admin,
    ):
        open_one.ping()  # on every server of it
        assert isinstance(admin, Administration)
        admin.set_password(user, Password("new-password"))
        if "stay open" in engine.FACTS.open_connections:
            open_one.ping()
        else:
            with pytest.raises(EngineUnavailable):
                open_one.ping()


def test_an_administrator_sets_a_password_and_sets_it_again(target: Target, engine: Engine) -> None:
    able(engine, Administration)
    user = with_password(target)
    target.create_administrator(f"{user}_admin", "admin-password", over=user)
    with closing(engine.connect(target.login(f"{user}_admin", "admin-password"), plenty)) as session:
        assert isinstance(session, Administration)
        session.set_password(user, Password("new-password"))
        session.set_password(user, Password("new-password"))
        with pytest.raises(ChangeRefused):
            session.set_password("nobody_knows_me", Password("new-password"))
    assert target.logs_in(user, "new-password")
    assert not target.logs_in(user, OLD)


def test_a_user_who_is_no_administrator_is_refused_with_the_cure(target: Target, engine: Engine) -> None:
    able(engine, Administration)
    user = with_password(target)
    target.create_user(f"{user}_other", "other-password")
    with closing(engine.connect(target.login(f"{user}_other", "other-password"), plenty)) as session:
        assert isinstance(session, Administration)
        with pytest.raises(ChangeRefused, match=target.says["no administrator"]):
            session.set_password(user, Password("new-password"))
    assert target.logs_in(user, OLD)


@pytest.mark.parametrize("odd", HOSTILE)
def test_any_password_can_be_set_and_logs_in(target: Target, engine: Engine, odd: str) -> None:
    able(engine, OwnPassword)
    user = with_password(target)
    target.let_change_itself(user)
    with closing(engine.connect(target.login(user, OLD), plenty)) as session:
        assert isinstance(session, OwnPassword)
        if not target.takes_password(odd):
            with pytest.raises(PasswordRefused):
                session.change_own_password(Password(odd))
            return
        session.change_own_password(Password(odd))
    engine.connect(target.login(user, odd), plenty).close()
    assert target.logs_in(user, odd)
    assert not target.logs_in(user, OLD)


@pytest.mark.parametrize("odd", HOSTILE)
def test_any_user_name_is_quoted(target: Target, engine: Engine, odd: str) -> None:
    able(engine, Administration)
    with_password(target)
    if not target.takes_name(odd):
        pytest.skip("the server itself has no such user names")
    name = target.username(f"{odd}-{uuid.uuid4().hex[:8]}")
    target.create_user(name, OLD)
    target.create_administrator(f"{name}a", "admin-password", over=name)
    with closing(engine.connect(target.login(f"{name}a", "admin-password"), plenty)) as session:
        assert isinstance(session, Administration)
        session.set_password(name, Password("newer-password"))
        if isinstance(session, Pairs):
            session.clone_user(name, f"{name}_clone", Password("clone-password"))
            assert target.logs_in(f"{name}_clone", "clone-password")
    with closing(engine.connect(target.login(name, "newer-password"), plenty)) as session:
        session.ping()
    assert target.logs_in(name, "newer-password")
    assert not target.logs_in(name, OLD)


def test_no_password_stands_in_errors_driver_logs_or_the_server_log(
    target: Target, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    able(engine, Administration)
    user = with_password(target)
    canaries = {name: f"canary-{name}-{uuid.uuid4().hex}" for name in ("old", "new", "admin", "wrong", "clone")}
    target.set_password(user, canaries["old"])
    target.let_change_itself(user)
    target.create_administrator(f"{user}_admin", canaries["admin"], over=user)
    texts = []

    def attempt(work: Callable[[], object]) -> None:
        try:
            work()
        except DELIVERED as error:
            texts.append(f"{error} {error!r} {error.__cause__!r} {error.__context__!r}")

    with caplog.at_level(logging.DEBUG):
        with closing(engine.connect(target.login(user, canaries["old"]), plenty)) as own:
            if isinstance(own, OwnPassword):
                attempt(lambda: own.change_own_password(Password(canaries["new"])))
            attempt(lambda: own.set_password(f"{user}_none", Password(canaries["wrong"])))  # type: ignore[attr-defined]
        with closing(engine.connect(target.login(f"{user}_admin", canaries["admin"]), plenty)) as admin:
            attempt(lambda: admin.set_password(user, Password(canaries["old"])))  # type: ignore[attr-defined]
            attempt(lambda: admin.set_password("ghost", Password(canaries["wrong"])))  # type: ignore[attr-defined]
            if isinstance(admin, Pairs):
                admin.clone_user(user, f"{user}_clone", Password(canaries["clone"]))
            if isinstance(admin, SeveralPasswords):
                admin.add_password(user, Password(canaries["new"]))
                admin.retire_passwords(user, [Password(canaries["old"])])
            admin.close()
            attempt(lambda: admin.set_password(user, Password(canaries["wrong"])))  # type: ignore[attr-defined]
        attempt(lambda: engine.connect(target.login(user, canaries["wrong"]), plenty))
    assert len(texts) >= 4
    assert target.writes_log in target.log_text()
    for place in ("\n".join(texts), caplog.text, target.log_text()):
        assert not [canary for canary in canaries.values() if canary in place]


def test_a_login_and_its_session_show_no_password(target: Target, engine: Engine, value: dict[str, Any]) -> None:
    login = changed(target, value)
    with closing(engine.connect(login, plenty)) as session:
        assert login.password.reveal() not in f"{login} {login!r} {session!r} {login.password}"


# Two users kept alike


@pytest.fixture
def admin_of(target: Target, engine: Engine) -> Any:
    able(engine, Pairs)
    user = with_password(target)
    target.grant_something(user)
    target.create_administrator(f"{user}_admin", "admin-password", over=user)
    return user, target.login(f"{user}_admin", "admin-password")


def privileges(target: Target, user: str, password: str) -> frozenset[str]:
    with closing(target.module.connect(target.reader(user, password), plenty)) as session:
        assert isinstance(session, Pairs)
        return session.privileges(user)


def test_a_clone_is_made_made_again_and_swapped_and_may_do_the_same(
    target: Target, engine: Engine, admin_of: Any
) -> None:
    user, admin = admin_of
    clone = f"{user}_clone"
    before = privileges(target, user, OLD)
    assert before
    with closing(engine.connect(admin, plenty)) as session:
        assert isinstance(session, Pairs)
        for turn in range(3):
            session.clone_user(user, clone, Password(f"clone-{turn}"))
            session.clone_user(user, clone, Password(f"clone-{turn}"))
            assert privileges(target, clone, f"clone-{turn}") == before
            session.clone_user(clone, user, Password(f"original-{turn}"))
            session.clone_user(clone, user, Password(f"original-{turn}"))
            assert privileges(target, user, f"original-{turn}") == before
            assert target.logs_in(clone, f"clone-{turn}")


def test_a_right_given_or_taken_later_is_the_clones_too(target: Target, engine: Engine, admin_of: Any) -> None:
    user, admin = admin_of
    clone = f"{user}_clone"
    with closing(engine.connect(admin, plenty)) as session:
        assert isinstance(session, Pairs)
        session.clone_user(user, clone, Password("clone-password"))
        before = privileges(target, user, OLD)
        target.grant_more(user)
        after = privileges(target, user, OLD)
        assert after > before
        session.clone_user(user, clone, Password("clone-password"))
        assert privileges(target, clone, "clone-password") == after
        target.revoke_more(user)
        session.clone_user(user, clone, Password("clone-password"))
        assert privileges(target, clone, "clone-password") == before


def test_what_the_clone_has_besides_is_seen(target: Target, engine: Engine, admin_of: Any) -> None:
    user, admin = admin_of
    clone = f"{user}_clone"
    with closing(engine.connect(admin, plenty)) as session:
        assert isinstance(session, Pairs)
        session.clone_user(user, clone, Password("clone-password"))
    target.grant_more(clone)
    assert privileges(target, clone, "clone-password") > privileges(target, user, OLD)


def test_a_clone_cut_off_after_any_statement_is_completed_by_doing_it_again(
    target: Target, engine: Engine, admin_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, admin = admin_of
    wanted = privileges(target, user, OLD)
    length, burnt_out = 0, False
    while not burnt_out:
        length += 1
        clone = f"{user}_{length}"
        fuse = Fuse(length)
        session = engine.connect(admin, plenty)
        assert isinstance(session, Pairs)
        with closing(session), monkeypatch.context() as patched:
            for owner, method in target.sends:
                patched.setattr(owner, method, fuse.burning(getattr(owner, method)))
            try:
                session.clone_user(user, clone, Password("first-password"))
                burnt_out = True
            except Killed:
                pass
        with closing(engine.connect(admin, plenty)) as again:
            assert isinstance(again, Pairs)
            again.clone_user(user, clone, Password("clone-password"))
        assert privileges(target, clone, "clone-password") == wanted
    assert length > 3


# Several passwords at once


def test_a_second_password_is_added_and_the_first_retired_each_repeatably(target: Target, engine: Engine) -> None:
    able(engine, SeveralPasswords)
    user = with_password(target)
    target.create_administrator(f"{user}_admin", "admin-password", over=user)
    with closing(engine.connect(target.login(f"{user}_admin", "admin-password"), plenty)) as session:
        assert isinstance(session, SeveralPasswords)
        for _ in range(2):
            session.add_password(user, Password("second-password"))
            assert target.logs_in(user, OLD)
            assert target.logs_in(user, "second-password")
            assert not target.logs_in(user, "third-password")
        for _ in range(2):
            session.retire_passwords(user, [Password("second-password")])
            assert target.logs_in(user, "second-password")
            assert not target.logs_in(user, OLD)
        session.add_password(user, Password("third-password"))
        session.retire_passwords(user, [Password("second-password"), Password("third-password")])
        assert target.logs_in(user, "second-password")
        assert target.logs_in(user, "third-password")


# Probes


def test_a_probe_gives_its_first_row_and_one_that_is_refused_says_why(
    target: Target, engine: Engine, value: dict[str, Any]
) -> None:
    able(engine, Probes)
    with closing(engine.connect(changed(target, value), plenty)) as session:
        assert isinstance(session, Probes)
        row = session.probe(target.granted_probe["statement"])
        assert [str(field) for field in row or []] == [str(field) for field in target.granted_probe["expect"]]
        with pytest.raises(ProbeFailed, match=re.compile("denied|permission|refused", re.IGNORECASE)):
            session.probe(target.refused_probe)
        session.ping()


# TLS


@pytest.fixture
def tls(target: Target) -> Target:
    if "sslmode" not in target.module.FACTS.keys:
        pytest.skip("it has no TLS modes")
    return target


def test_tls_is_verified_by_the_own_ca_and_refused_by_any_other(tls: Target, certificates: Certificates) -> None:
    value, engine = tls.new_value(), tls.module
    if not tls.offers_tls:
        for wish in ({"ssl": True}, {"sslmode": "require"}, {"sslrootcert": certificates.ca}):
            with pytest.raises(EngineUnavailable, match="TLS"):
                engine.connect(changed(tls, value, host="localhost", **wish), plenty)
        return
    good = tls.tls_settings()
    verified = {"host": "localhost", "ssl": True, "sslrootcert": certificates.ca, **good}
    engine.connect(changed(tls, value, **verified), plenty).close()
    engine.connect(
        changed(tls, value, **{**verified, "host": "127.0.0.1", "ssl": None, "sslmode": "verify-ca"}), plenty
    ).close()
    engine.connect(changed(tls, value, host="127.0.0.1", sslmode="require", **good), plenty).close()
    for wrong, said in (
        ({"sslrootcert": certificates.stranger}, "certificate was not accepted"),
        ({"sslrootcert": None}, "certificate was not accepted"),
        ({"host": "127.0.0.1"}, "for another name"),
    ):
        with pytest.raises(EngineUnavailable, match=said):
            engine.connect(changed(tls, value, **{**verified, **wrong}), plenty)


def test_a_server_that_takes_no_plaintext_says_so(tls: Target) -> None:
    if not tls.offers_tls:
        pytest.skip("it takes plaintext only")
    value = tls.require_tls()
    with pytest.raises(tls.refuses_plaintext, match="plaintext"):
        tls.module.connect(changed(tls, value, ssl=False), plenty)


def test_a_user_for_a_rehearsal_comes_and_goes_and_touches_no_other(target: Target, engine: Engine) -> None:
    able(engine, ThrowAwayUsers)
    user, throw_away = with_password(target), f"try_{uuid.uuid4().hex[:12]}"
    target.grant_something(user)
    admin = f"admin_{uuid.uuid4().hex[:12]}"
    target.create_administrator(admin, OLD, user)
    with closing(engine.connect(target.login(admin, OLD), plenty)) as session:
        assert isinstance(session, ThrowAwayUsers)
        session.make_user(user, throw_away, Password("canary-throw-away"))
        assert target.logs_in(throw_away, "canary-throw-away")
        for _ in range(2):
            session.drop_user(throw_away)
    assert not target.logs_in(throw_away, "canary-throw-away")
    assert target.logs_in(user, OLD)
