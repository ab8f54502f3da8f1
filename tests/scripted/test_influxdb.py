"""What only InfluxDB does, and its refusals."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from detent.functions.engines import influxdb
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from scripted.influxdb import InfluxdbTarget, refused
from servers.target import OLD

MARK = "0123456789abcdef/1b4e28ba-2fa1-11d2-883f-0016d3cca427"
OTHER = "fedcba9876543210/1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def plenty() -> float:
    return 30.0


@pytest.fixture
def target(spoken_of: Callable[[str], InfluxdbTarget]) -> InfluxdbTarget:
    return spoken_of("influxdb")


def opened(target: InfluxdbTarget, user: str) -> Any:
    return closing(influxdb.connect(target.login(user, OLD), plenty))


@pytest.fixture
def user(target: InfluxdbTarget) -> str:
    name: str = target.new_value()["username"]
    target.create_administrator(f"{name}_admin", OLD, over=name)
    return name


def test_a_token_is_issued_with_the_rights_of_the_one_before_and_revoked_repeatably(
    target: InfluxdbTarget, user: str
) -> None:
    first = target.value(user, OLD)["token_id"]
    with opened(target, f"{user}_admin") as admin:
        issued = admin.issue_key(user, MARK)
        assert [(key.id, key.mark) for key in admin.keys(user)] == [(first, None), (issued.id, MARK)]
        assert target.script.tokens[issued.id]["permissions"] == target.script.tokens[first]["permissions"]
        for _ in range(2):
            admin.revoke_key(user, first)
        assert [key.id for key in admin.keys(user)] == [issued.id]
    assert issued.secret.reveal() not in repr(issued)


def test_rights_are_never_taken_from_a_token_that_this_secret_does_not_know(target: InfluxdbTarget, user: str) -> None:
    first = target.script.tokens[target.value(user, OLD)["token_id"]]
    for description in ("somebody's", f"detent {OTHER}"):
        other = target.script.add_token(first["userID"], first["permissions"], description)
        with opened(target, f"{user}_admin") as admin, pytest.raises(ChangeRefused, match="its one token only"):
            admin.issue_key(user, MARK)
        del target.script.tokens[other["id"]]


def test_a_token_of_another_user_is_no_login(target: InfluxdbTarget, user: str) -> None:
    value = {**target.value(user, OLD), "username": "somebody_else"}
    with pytest.raises(LoginRejected, match=f"it is of user '{user}'"):
        influxdb.connect(target.login(user, OLD, username=value["username"]), plenty)


def test_a_token_that_may_not_read_its_user_is_not_blamed(target: InfluxdbTarget, user: str) -> None:
    target.script.tokens[target.value(user, OLD)["token_id"]]["permissions"] = []
    with pytest.raises(EngineUnavailable, match="give it read on users/"):
        influxdb.connect(target.login(user, OLD), plenty)


def test_an_inactive_token_is_no_login(target: InfluxdbTarget, user: str) -> None:
    target.script.tokens[target.value(user, OLD)["token_id"]]["status"] = "inactive"
    with pytest.raises(LoginRejected, match="inactive"):
        influxdb.connect(target.login(user, OLD), plenty)


def test_an_application_s_token_may_not_and_is_told_what_is_needed(target: InfluxdbTarget, user: str) -> None:
    with opened(target, user) as session:
        for change in (lambda: session.keys(user), lambda: session.issue_key(user, MARK)):
            with pytest.raises(ChangeRefused, match="needs read and write on authorizations"):
                change()
        with pytest.raises(ChangeRefused, match="needs read and write on authorizations"):
            session.revoke_key(user, target.value(user, OLD)["token_id"])
    assert target.logs_in(user, OLD)


def test_an_administrator_who_has_less_than_the_application_passes_nothing_on(
    target: InfluxdbTarget, user: str
) -> None:
    more = {"action": "write", "resource": {"type": "buckets", "orgID": "00000000000000aa"}}
    target.script.tokens[target.value(user, OLD)["token_id"]]["permissions"].append(more)
    with opened(target, f"{user}_admin") as admin, pytest.raises(ChangeRefused, match="everything that"):
        admin.issue_key(user, MARK)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((429, ""), "done again later"),
        ((503, '{"code": "unavailable"}'), "done again later"),
        ((200, "<html>It works!</html>"), "no InfluxDB 2"),
        ((404, "<html>Not found</html>"), "no InfluxDB 2"),
        ((0, ""), "no InfluxDB 2"),
        (refused(400, "invalid", "as the server says it"), "as the server says it"),
    ],
)
def test_what_is_no_refusal_of_the_token_blames_nobody(
    target: InfluxdbTarget, user: str, monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    monkeypatch.setitem(target.script.fails, "GET /api/v2/me", answer)
    with pytest.raises(EngineUnavailable, match=said):
        influxdb.connect(target.login(user, OLD), plenty)


def test_a_token_that_is_revoked_meanwhile_ends_the_session(target: InfluxdbTarget, user: str) -> None:
    with opened(target, user) as session:
        del target.script.tokens[target.value(user, OLD)["token_id"]]
        with pytest.raises(EngineUnavailable, match="does not know this token any more"):
            session.ping()


def test_odd_keys_are_told() -> None:
    odd = influxdb.faults({"token_id": "../users", "token": "a\r\nb", "ssl": "maybe"})
    assert [fault.split()[0] for fault in odd] == ['"token_id"', '"token"', '"ssl"']
