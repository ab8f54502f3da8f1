"""What only RDS for Db2 does, and its refusals."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import ibm_db_dbi
import pytest

from detent.functions.engines import db2
from detent.functions.engines.db2 import session as db2_session
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.passwords import Password
from scripted.db2 import Db2Target, error, security
from servers.certificates import Certificates
from servers.target import OLD


def plenty() -> float:
    return 30.0


@pytest.fixture
def target(scripted: Callable[[str], Any]) -> Db2Target:
    found: Db2Target = scripted("db2")
    return found


@pytest.fixture
def admin(target: Db2Target) -> Any:
    target.create_user("app", OLD)
    target.create_administrator("chief", "admin-password", over="app")
    with closing(db2.connect(target.login("chief", "admin-password"), plenty)) as session:
        yield session


def test_a_change_is_waited_for_until_the_new_password_logs_in(target: Db2Target, admin: Any) -> None:
    target.server.waits = 4  # type: ignore[attr-defined]
    before = len(target.server.logins)
    admin.set_password("app", Password("new-password"))
    assert len([one for one in target.server.logins[before:] if one["user"] == "app"]) == 4
    assert target.logs_in("app", "new-password")


def test_a_change_that_is_not_applied_in_time_is_done_again_later(
    target: Db2Target, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.server.waits = 1000  # type: ignore[attr-defined]
    monkeypatch.setattr(db2_session, "_LONGEST", 0.01)
    with pytest.raises(EngineUnavailable, match="has not applied the new password"):
        admin.set_password("app", Password("new-password"))


def test_a_user_who_may_not_connect_to_the_admins_database_has_logged_in_too(target: Db2Target, admin: Any) -> None:
    target.server.accounts["app"].rights.clear()
    admin.set_password("app", Password("new-password"))
    assert target.server.accounts["app"].keeps == ["new-password"]


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (security(24, "USERNAME AND/OR PASSWORD INVALID"), LoginRejected, "wrong password"),
        (security(1, "PASSWORD EXPIRED"), LoginRejected, "has expired"),
        (security(19, "USERID DISABLED or RESTRICTED"), LoginRejected, "disabled"),
        (security(17, "UNSUPPORTED FUNCTION"), EngineUnavailable, "UNSUPPORTED FUNCTION"),
        (error(-1403, "The username and/or password supplied is incorrect."), LoginRejected, "wrong password"),
        (error(-1060, "no CONNECT privilege"), EngineUnavailable, "GRANT CONNECT"),
        (error(-1226, "The maximum number of client connections"), EngineUnavailable, "too many connections"),
        (error(-20157, "QUIESCE DATABASE"), EngineUnavailable, "quiesced"),
        (error(-30081, 'communication error: "selectForConnectTimeout"'), EngineUnavailable, "no answer in time"),
        (error(-30081, "communication error"), EngineUnavailable, "wants TLS"),
        (ibm_db_dbi.InterfaceError("as the driver says it"), EngineUnavailable, "as the driver says it"),
    ],
)
def test_a_refused_login_blames_the_password_only_where_the_server_does(
    target: Db2Target, raised: Exception, kind: type[Exception], said: str
) -> None:
    login = target.login(target.new_value()["username"], OLD)
    with target.server.closed_to_logins(raised), pytest.raises(kind, match=said):
        db2.connect(login, plenty)


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (error(-551, "no privilege"), ChangeRefused, "EXECUTE on the procedures"),
        (error(-438, "User app does not exist."), ChangeRefused, "there is no user"),
        (error(-438, "The password does not meet the policy."), PasswordRefused, "rules refuse"),
        (error(-952, "interrupted"), EngineUnavailable, "in time"),
        (error(-30081, "communication error"), EngineUnavailable, "connection was lost"),
        (error(-204, "is an undefined name"), ChangeRefused, "undefined name"),
    ],
)
def test_a_refused_change_says_what_to_do(
    target: Db2Target, admin: Any, raised: Exception, kind: type[Exception], said: str
) -> None:
    target.server.trouble("change_password", raised)
    with pytest.raises(kind, match=said):
        admin.set_password("app", Password("new-password"))
    assert target.logs_in("app", OLD)


def test_rights_on_single_objects_are_refused_with_what_makes_a_role_of_them(target: Db2Target, admin: Any) -> None:
    target.server.accounts["app"].rights.add("object SELECT on TABLE SHOP.ORDERS")
    with pytest.raises(ChangeRefused, match=r"SELECT on TABLE SHOP\.ORDERS.*CREATE ROLE"):
        admin.clone_user("app", "app_clone", Password("clone-password"))
    assert "app_clone" not in target.server.accounts


def test_passwords_travel_as_parameters(target: Db2Target, admin: Any) -> None:
    admin.clone_user("app", "app_clone", Password("clone-password"))
    assert "clone-password" not in "".join(target.server.asked)


@pytest.mark.parametrize("odd", ["a;PWD=b", "{brace}", "a=b", " blank", 'quo"te', "new\nline"])
def test_what_would_change_the_connection_string_is_refused(target: Db2Target, admin: Any, odd: str) -> None:
    value = target.value("app", OLD)
    for key in ("password", "dbname", "username", "host"):
        assert any(f'"{key}"' in fault for fault in db2.faults({**value, key: odd}))
    with pytest.raises(EngineUnavailable, match="cannot be put into"):
        db2.connect(target.login("app", odd), plenty)
    with pytest.raises(PasswordRefused, match="cannot be given"):
        admin.set_password("app", Password(odd))
    assert target.logs_in("app", OLD)


def test_tls_names_the_ca_and_has_the_name_checked(
    target: Db2Target, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("detent.functions.engines.db2.driver.require_answer", lambda *wanted: asked.append(wanted[2]))
    target.create_user("app", OLD)
    own = {"host": "localhost", "sslrootcert": certificates.ca}
    for wish, validation in (({"ssl": True}, "Basic"), ({"sslmode": "verify-ca"}, "Off")):
        db2.connect(target.login("app", OLD, **own, **wish), plenty).close()
        given = target.server.logins[-1]
        assert given["Security"] == "SSL"
        assert given["SSLServerCertificate"].endswith(".pem")
        assert given["SSLClientHostnameValidation"] == validation
    assert asked == ["verify-full", "verify-ca"]
    db2.connect(target.login("app", OLD), plenty).close()
    assert "Security" not in target.server.logins[-1]


def test_the_database_must_be_named() -> None:
    assert '"dbname" must name' in db2.faults({"username": "app"})[0]
