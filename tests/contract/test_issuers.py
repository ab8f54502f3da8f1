"""What every session promises that has keys issued, on every server whose keys are."""

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from detent.functions.abilities import Issued, KeyIssuer
from detent.functions.engines import engine_named
from detent.functions.errors import ChangeRefused, EngineUnavailable
from detent.functions.values import login_of
from functions.fuse import Fuse, Killed
from servers.table import SERVERS
from servers.target import OLD

ISSUERS = [row for row in SERVERS if issubclass(engine_named(row.partition("-")[0]).FACTS.session, KeyIssuer)]
MARK = "0123456789abcdef/1b4e28ba-2fa1-11d2-883f-0016d3cca427"


@pytest.fixture(params=ISSUERS)
def target(request: pytest.FixtureRequest, server_of: Any) -> Any:
    return server_of(request.param)


@pytest.fixture
def value(target: Any) -> dict[str, Any]:
    """A user's that may rotate itself."""
    made: dict[str, Any] = target.new_value()
    target.let_rotate_itself(made["username"])
    return made


def opened(target: Any, value: dict[str, Any]) -> Any:
    return target.module.connect(login_of(value, target.module), lambda: 30.0)


@pytest.fixture
def session(target: Any, value: dict[str, Any]) -> Iterator[Any]:
    with closing(opened(target, value)) as session:
        yield session


def with_key(target: Any, value: dict[str, Any], issued: Issued) -> dict[str, Any]:
    facts = target.module.FACTS
    return {**value, facts.key_id: issued.id, facts.password_key: issued.secret.reveal()}


def test_a_key_that_is_issued_logs_in_and_is_listed_with_its_mark_after_the_older_ones(
    target: Any, session: Any, value: dict[str, Any]
) -> None:
    user, first = value["username"], value[target.module.FACTS.key_id]
    assert [(key.id, key.mark) for key in session.keys(user)] == [(first, None)]
    issued = session.issue_key(user, MARK)
    assert target.alive(with_key(target, value, issued))
    assert target.alive(value)
    assert [(key.id, key.mark) for key in session.keys(user)] == [(first, None), (issued.id, MARK)]


def test_a_revoked_key_is_dead_and_to_revoke_it_again_or_one_that_never_was_is_content(
    target: Any, session: Any, value: dict[str, Any]
) -> None:
    user = value["username"]
    issued = session.issue_key(user, MARK)
    for _ in range(2):
        session.revoke_key(user, issued.id)
    session.revoke_key(user, "NEVER0ISSUED0TO0ANY1")
    assert not target.alive(with_key(target, value, issued))
    assert [key.id for key in session.keys(user)] == [value[target.module.FACTS.key_id]]
    assert target.alive(value)


def test_a_session_by_a_revoked_key_ends_or_stays_open_as_the_facts_say(
    target: Any, session: Any, value: dict[str, Any]
) -> None:
    user = value["username"]
    issued = session.issue_key(user, MARK)
    with closing(opened(target, with_key(target, value, issued))) as by_new:
        by_new.ping()
        session.revoke_key(user, issued.id)
        if "Connections stay open" in target.module.FACTS.open_connections:
            by_new.ping()
        else:
            assert "a revoked key's are refused" in target.module.FACTS.open_connections
            with pytest.raises(EngineUnavailable, match=target.says["revoked key"]):
                by_new.ping()


def test_an_issue_cut_off_anywhere_leaves_no_key_without_a_mark(
    target: Any, value: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, first = value["username"], value[target.module.FACTS.key_id]
    length, burnt_out, orphans = 0, False, 0
    while not burnt_out:
        length += 1
        fuse = Fuse(length)
        with closing(opened(target, value)) as session, monkeypatch.context() as patched:
            for owner, method in target.sends:
                patched.setattr(owner, method, fuse.burning(getattr(owner, method)))
            try:
                session.issue_key(user, MARK)
                burnt_out = True
            except Killed:
                pass
        with closing(opened(target, value)) as again:
            left = [key for key in again.keys(user) if key.id != first]
            assert [key.mark for key in left] in ([], [MARK])
            for key in left:
                again.revoke_key(user, key.id)
        orphans += len(left)
        assert target.keys_of(user) == {first}
    assert orphans > 0
    with closing(opened(target, value)) as session:
        issued = session.issue_key(user, MARK)
        assert target.traces_of(user).keys() == {issued.id}


def test_an_administrator_does_the_same_for_the_user(target: Any) -> None:
    value = target.new_value()
    user = value["username"]
    target.create_administrator(f"{user}_admin", OLD, over=user)
    with closing(opened(target, target.value(f"{user}_admin", OLD))) as admin:
        issued = admin.issue_key(user, MARK)
        assert target.alive(with_key(target, value, issued))
        assert [key.mark for key in admin.keys(user)] == [None, MARK]
        admin.revoke_key(user, issued.id)
    assert target.alive(value)


def test_who_may_not_is_refused_with_what_is_needed_and_leaves_nothing(target: Any) -> None:
    value = target.new_value()
    user = value["username"]
    with closing(opened(target, value)) as session:
        for change in (
            *([lambda: session.keys(user)] if target.guards_lists else []),
            lambda: session.issue_key(user, MARK),
            lambda: session.revoke_key(user, value[target.module.FACTS.key_id]),
        ):
            with pytest.raises(ChangeRefused, match="it needs"):
                change()
    assert target.alive(value)
    assert target.traces_of(user) == {}


def test_no_secret_part_stands_in_driver_logs_reprs_or_the_server_log(
    target: Any, value: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), closing(opened(target, value)) as session:
        issued = session.issue_key(value["username"], MARK)
        shown = f"{issued!r} {session!r} {vars(session)!r}"
    assert caplog.text or not target.drivers
    for secret in (issued.secret.reveal(), value[target.module.FACTS.password_key]):
        for line in (line for line in secret.splitlines() if "PRIVATE KEY" not in line):
            assert not [place for place in (caplog.text, shown, target.log_text()) if line in place]
