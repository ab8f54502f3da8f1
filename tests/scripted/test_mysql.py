"""What only MySQL does: its two passwords, its hosts, its grants and what it keeps of a password."""

import warnings
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from detent.functions.engines.mysql.grants import grants_of
from detent.functions.engines.mysql.passwords import is_of, sha256_crypt
from detent.functions.engines.mysql.session import MysqlSession
from detent.functions.errors import ChangeRefused, EngineUnavailable
from detent.functions.passwords import Password
from scripted.mysql import MysqlTarget
from servers.target import OLD


@pytest.fixture
def mysql(scripted: Callable[[str], Any]) -> MysqlTarget:
    target = scripted("mysql")
    assert isinstance(target, MysqlTarget)
    return target


@pytest.fixture
def admin(mysql: MysqlTarget) -> Any:
    mysql.create_user("app", OLD)
    mysql.create_administrator("rotator", "admin-password", over="app")
    with closing(connect(mysql, "rotator", "admin-password")) as session:
        yield session


def connect(mysql: MysqlTarget, user: str, password: str) -> MysqlSession:
    session = mysql.module.connect(mysql.login(user, password), lambda: 30.0)
    assert isinstance(session, MysqlSession)
    return session


# Two passwords


def test_a_second_run_does_not_push_the_current_password_out(mysql: MysqlTarget, admin: MysqlSession) -> None:
    for _ in range(3):
        admin.add_password("app", Password("second"))
    assert sum("RETAIN" in statement for statement in mysql.server.asked) == 1
    assert mysql.logs_in("app", OLD)
    assert mysql.logs_in("app", "second")


def test_a_kept_password_that_is_the_second_one_takes_the_place_of_the_one_that_was_lost(
    mysql: MysqlTarget, admin: MysqlSession
) -> None:
    admin.add_password("app", Password("pending that was lost"))
    before = len(mysql.server.asked)
    admin.retire_passwords("app", [Password(OLD)])
    changes = [statement for statement in mysql.server.asked[before:] if statement.startswith("ALTER")]
    assert len(changes) == 1
    assert "IDENTIFIED BY" in changes[0]
    assert "RETAIN" not in changes[0]
    assert mysql.logs_in("app", OLD)
    assert not mysql.logs_in("app", "pending that was lost")


def test_a_password_set_by_an_admin_ends_the_second_one_too(mysql: MysqlTarget, admin: MysqlSession) -> None:
    admin.add_password("app", Password("second"))
    admin.set_password("app", Password("only"))
    assert [mysql.logs_in("app", one) for one in (OLD, "second", "only")] == [False, False, True]


def test_an_own_change_is_refused_where_other_accounts_or_passwords_are_seen(mysql: MysqlTarget) -> None:
    mysql.create_user("app", OLD)
    mysql.server.accounts["app"].rights.add("SELECT ON mysql.*")
    mysql.server.accounts["app"].settings["hosts"] = ["%", "10.0.0.1"]
    with closing(connect(mysql, "app", OLD)) as session, pytest.raises(ChangeRefused, match="more passwords"):
        session.change_own_password(Password("new"))


def test_all_accounts_of_a_name_are_changed_in_one_statement(mysql: MysqlTarget, admin: MysqlSession) -> None:
    mysql.server.accounts["app"].settings["hosts"] = ["%", "10.0.0.1"]
    admin.set_password("app", Password("new"))
    changed = [statement for statement in mysql.server.asked if "IDENTIFIED BY" in statement and "ALTER" in statement]
    assert [statement.count("`app`@") for statement in changed] == [2]


def test_a_locked_account_is_refused_with_the_cure(mysql: MysqlTarget, admin: MysqlSession) -> None:
    mysql.server.accounts["app"].settings["locked"] = True
    with pytest.raises(ChangeRefused, match="ACCOUNT UNLOCK"):
        admin.set_password("app", Password("new"))


# Admission


@pytest.mark.parametrize("version", ["5.7.44-log", "8.0.13", "11.4.2-MariaDB"])
def test_a_server_that_is_too_old_or_another_is_refused(mysql: MysqlTarget, version: str) -> None:
    mysql.create_user("app", OLD)
    mysql.server.version = version
    with pytest.raises(EngineUnavailable, match=r"no MySQL of 8\.0\.14"):
        connect(mysql, "app", OLD)


def test_a_login_let_in_by_another_account_proves_nothing(mysql: MysqlTarget) -> None:
    mysql.create_user("app", OLD)
    mysql.server.let_in_as = "somebody"
    with pytest.raises(EngineUnavailable, match="account of another name"):
        connect(mysql, "app", OLD)


# Clones


def test_a_clone_has_the_roles_and_the_default_role_too(mysql: MysqlTarget, admin: MysqlSession) -> None:
    mysql.server.accounts["rotator"].rights.add("ROLE_ADMIN ON *.*")
    original = mysql.server.accounts["app"]
    original.rights.add("ROLE `readers`@`%`")
    original.settings["role"] = "`readers`@`%`"
    admin.clone_user("app", "app_clone", Password("clone"))
    assert mysql.server.accounts["app_clone"].rights == original.rights
    assert mysql.server.accounts["app_clone"].settings["role"] == "`readers`@`%`"
    original.settings["role"] = "NONE"
    original.rights.clear()
    admin.clone_user("app", "app_clone", Password("clone"))
    assert mysql.server.accounts["app_clone"].rights == set()


def test_an_expired_password_is_not_cloned(mysql: MysqlTarget, admin: MysqlSession) -> None:
    mysql.server.accounts["app"].settings["options"] = {"PASSWORD EXPIRE": "", "PASSWORD HISTORY": "5"}
    admin.clone_user("app", "app_clone", Password("clone"))
    options = mysql.server.accounts["app_clone"].settings["options"]
    assert options["PASSWORD EXPIRE"] == "DEFAULT"
    assert options["PASSWORD HISTORY"] == "5"


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ("GRANT USAGE ON *.* TO `a`@`%`", set()),
        ("GRANT SELECT, CREATE TEMPORARY TABLES ON `d`.* TO `a`@`%` WITH GRANT OPTION",
         {"SELECT on `d`.*", "CREATE TEMPORARY TABLES on `d`.*", "grant option on `d`.*"}),
        ("GRANT SELECT (`a`, `b`) ON `d`.`t` TO `a`@`%`", {"SELECT (`a`) on `d`.`t`", "SELECT (`b`) on `d`.`t`"}),
        ("GRANT BACKUP_ADMIN,ROLE_ADMIN ON *.* TO `a`@`%`", {"BACKUP_ADMIN", "ROLE_ADMIN"}),
        ("GRANT ROLE_ADMIN ON *.* TO `a`@`%` WITH GRANT OPTION", {"ROLE_ADMIN with grant option"}),
        ("GRANT `r`@`%`,`s`@`h` TO `a`@`%`", {"role `r`@`%`", "role `s`@`h`"}),
        ("REVOKE SELECT ON `mysql`.* FROM `a`@`%`", {"no SELECT on `mysql`.*"}),
        ("GRANT PROXY ON ``@`` TO `a`@`%`", {"proxy of ``@``"}),
        ("GRANT EXECUTE ON FUNCTION `d`.`f` TO `a`@`%`", {"EXECUTE on FUNCTION `d`.`f`"}),
    ],
)  # fmt: skip
def test_grants_are_read_as_the_manual_shows_them(row: str, names: set[str]) -> None:
    assert {grant.name for grant in grants_of([row])} == names


def test_a_grant_that_is_not_understood_ends_it() -> None:
    with pytest.raises(EngineUnavailable, match="SHOW GRANTS"):
        grants_of(["GRANT SOMETHING NEW"])


# What is kept of a password


def test_the_hash_is_that_of_the_systems_crypt() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crypt = pytest.importorskip("crypt", reason="Python 3.13 has it no more")
    for clear in ("", "a", "x" * 31, "x" * 32, "x" * 65, "ünï" * 9):
        expected = crypt.crypt(clear, "$5$abcdefghijklmnop").rpartition("$")[2]
        assert sha256_crypt(clear.encode(), b"abcdefghijklmnop", 5000) == expected.encode()


def test_a_password_is_known_by_what_is_kept_of_it() -> None:
    salt = b"s" * 20
    kept = b"$A$005$" + salt + sha256_crypt(b"right", salt, 5000)
    native = b"*668425423DB5193AF921380129F465A6425216D0"  # of "password1", as the manual of 5.7 has it
    assert is_of(Password("right"), "caching_sha2_password", kept)
    assert not is_of(Password("wrong"), "caching_sha2_password", kept)
    assert is_of(Password("password1"), "mysql_native_password", native)
    assert not is_of(Password("right"), "sha256_password", kept)
    assert not is_of(Password("right"), "caching_sha2_password", b"")


def test_the_servers_rules_are_read_and_met(mysql: MysqlTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    mysql.create_user("app", OLD)
    rules = {"validate_password.policy": "MEDIUM", "validate_password.length": "12",
             "validate_password.mixed_case_count": "2", "validate_password.number_count": "3",
             "validate_password.special_char_count": "1"}  # fmt: skip
    monkeypatch.setattr(type(mysql.server), "policy", rules)
    with closing(connect(mysql, "app", OLD)) as session:
        policy = session.password_policy()
    assert (policy.length, policy.uppercase, policy.lowercase, policy.digits, policy.others) == (12, 2, 2, 3, 1)
