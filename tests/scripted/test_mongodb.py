"""What only MongoDB does, and its refusals."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from detent.functions.engines import EngineUnavailable, mongodb
from detent.functions.engines.mongodb import session as mongodb_session
from detent.functions.errors import ChangeRefused, LoginRejected, PasswordRefused
from detent.functions.passwords import Password
from scripted.mongod import Refused
from scripted.mongodb import MongodbTarget
from servers.target import OLD


def plenty() -> float:
    return 30.0


@pytest.fixture
def alone(spoken_of: Callable[[str], MongodbTarget]) -> MongodbTarget:
    return spoken_of("mongodb-alone")


@pytest.fixture
def members(spoken_of: Callable[[str], MongodbTarget]) -> MongodbTarget:
    """A set of which the secret's host is a secondary."""
    return spoken_of("mongodb-set")


def administrator(target: MongodbTarget, over: str) -> Any:
    target.create_administrator(f"{over}_admin", "admin-password", over=over)
    return mongodb.connect(target.login(f"{over}_admin", "admin-password"), plenty)


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (18, LoginRejected, "wrong password"),
        (8000, LoginRejected, "wrong password"),
        (334, EngineUnavailable, "share no way to log in"),
        (91, EngineUnavailable, "shutting down"),
        (4711, EngineUnavailable, r"as the server says it \(code 4711\)"),
    ],
)
def test_a_refused_login_blames_the_password_only_where_the_server_does(
    alone: MongodbTarget, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception], said: str
) -> None:
    login = alone.login(alone.new_value()["username"], OLD)
    monkeypatch.setitem(alone.deployment.fails, "saslStart", Refused(code, "as the server says it"))
    with pytest.raises(kind, match=said):
        mongodb.connect(login, plenty)


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (13, ChangeRefused, "changePassword"),
        (11, ChangeRefused, "there is no user"),
        (31, ChangeRefused, "a role of"),
        (10107, ChangeRefused, "no primary"),
        (2, PasswordRefused, "password is as it should not be"),
        (50, EngineUnavailable, "in time"),
        (11602, EngineUnavailable, "changing its role"),
        (4711, ChangeRefused, "code 4711"),
    ],
)
def test_a_refused_change_says_what_to_do(
    alone: MongodbTarget, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception], said: str
) -> None:
    user = alone.new_value()["username"]
    with closing(administrator(alone, user)) as admin:
        refused = Refused(code, "the password is as it should not be")
        monkeypatch.setitem(alone.deployment.fails, "updateUser", refused)
        with pytest.raises(kind, match=said):
            admin.set_password(user, Password("new-password"))
    assert alone.logs_in(user, OLD)


def test_a_secondary_alone_names_no_way_to_the_primary(members: MongodbTarget) -> None:
    value = members.new_value(nodes=[])
    members.let_change_itself(value["username"])
    login = members.login(value["username"], OLD, nodes=[])
    with closing(mongodb.connect(login, plenty)) as session, pytest.raises(ChangeRefused, match='add it to "nodes"'):
        session.change_own_password(Password("new-password"))


def test_every_server_is_asked_until_it_knows_the_new_password(
    members: MongodbTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    (other,) = members.others
    monkeypatch.setattr(mongodb_session, "_LOOK_AGAIN", 0.01)
    login = members.login(members.new_value()["username"], OLD)
    members.deployment.refusing[other.port] = 2
    with closing(mongodb.connect(login, plenty)) as session:
        session.ping()
    assert members.deployment.refusing[other.port] == 0
    monkeypatch.setattr(mongodb_session, "_CACHED", 0.0)
    members.deployment.refusing[other.port] = 2
    with closing(mongodb.connect(login, plenty)) as session, pytest.raises(EngineUnavailable, match=f":{other.port}"):
        session.ping()
    members.deployment.refusing[other.port] = 0


def test_the_primary_may_know_the_new_password_already(members: MongodbTarget) -> None:
    user = members.new_value()["username"]
    members.let_change_itself(user)
    with closing(mongodb.connect(members.login(user, OLD), plenty)) as session:
        members.set_password(user, "new-password")  # by a step that was cut off; the secondary's login is older
        session.change_own_password(Password("new-password"))
    assert members.logs_in(user, "new-password")


def test_a_clone_has_roles_data_restrictions_and_mechanisms_of_its_original(alone: MongodbTarget) -> None:
    user = alone.new_value()["username"]
    alone.grant_something(user)
    with closing(administrator(alone, user)) as admin:
        admin.clone_user(user, f"{user}_clone", Password("clone-password"))
    ours, theirs = (alone.deployment.users["admin", name] for name in (f"{user}_clone", user))
    kept = ("roles", "custom", "restrictions", "mechanisms")
    assert [getattr(ours, part) for part in kept] == [getattr(theirs, part) for part in kept]
    assert ours.custom
    assert ours.restrictions
    assert ours.stored != theirs.stored


def test_what_is_kept_with_a_user_is_told_by_its_digest_only(alone: MongodbTarget) -> None:
    user = alone.new_value()["username"]
    alone.deployment.users["admin", user].custom = {"note": "canary-note"}
    with closing(mongodb.connect(alone.login(user, OLD), plenty)) as session:
        told = session.privileges(user)
    assert any(word.startswith("customData ") for word in told)
    assert "canary-note" not in str(told)


def test_documentdb_is_told_of_roles_only(alone: MongodbTarget) -> None:
    user = alone.new_value()["username"]
    alone.grant_something(user)
    alone.create_administrator(f"{user}_admin", "admin-password", over=user)
    login = alone.login(f"{user}_admin", "admin-password", engine="documentdb")
    alone.deployment.written.clear()
    with closing(mongodb.connect(login, plenty)) as admin:
        admin.clone_user(user, f"{user}_clone", Password("clone-password"))
    (made,) = [line for line in alone.deployment.written if "createUser" in line]
    assert "roles" in made
    assert not any(word in "".join(alone.deployment.written) for word in ("customData", "Restrictions", "mechanisms'"))


def test_a_password_that_could_not_be_one_is_a_rejected_login(alone: MongodbTarget) -> None:
    login = alone.login(alone.new_value()["username"], OLD)
    with pytest.raises(LoginRejected, match="SCRAM-SHA-256 does not allow"):
        mongodb.connect(replace(login, password=Password("bell\u0007")), plenty)


def test_the_users_database_is_authsource_then_dbname(alone: MongodbTarget) -> None:
    user = alone.new_value()["username"]
    alone.deployment.users["shop", user] = alone.deployment.users.pop(("admin", user))
    for settings in ({"authSource": "shop", "dbname": "stock"}, {"dbname": "shop"}):
        mongodb.connect(alone.login(user, OLD, **settings), plenty).close()
    with pytest.raises(LoginRejected):
        mongodb.connect(alone.login(user, OLD), plenty)


@pytest.mark.parametrize("probe", ["no json", "[]", "{}"])
def test_a_probe_must_be_a_command(alone: MongodbTarget, probe: str) -> None:
    login = alone.login(alone.new_value()["username"], OLD)
    with closing(mongodb.connect(login, plenty)) as session, pytest.raises(Exception, match="no command as JSON"):
        session.probe(probe)


def test_the_privileges_are_commands_as_json() -> None:
    for least in mongodb.FACTS.privileges.values():
        for template in (*(least.own or ()), *least.admin):
            assert isinstance(json.loads(template.format(user="app", admin="admin")), dict)


def test_odd_keys_are_told() -> None:
    odd = mongodb.faults({"authSource": 1, "dbname": [], "nodes": "db-2", "sslmode": "maybe"})
    assert [fault.split()[0] for fault in odd] == ['"authSource"', '"dbname"', '"nodes"', '"sslmode"']
