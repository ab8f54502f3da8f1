"""A directory with a password policy (the overlay ppolicy): what it refuses, and what is said and done then."""

import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.engines import ldap
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, NoRoom, PasswordRefused, StepFailed
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.stories import rotate
from servers.ldap import LdapTarget
from servers.ldap_server import POLICED, POLICY
from servers.target import OLD

NEW = "another-long-password"
RULES = {
    "pwdInHistory": "5",
    "pwdCheckQuality": "2",  # a hash that cannot be checked is refused
    "pwdMinLength": "12",
    "pwdMinAge": "0",
    "pwdSafeModify": "TRUE",
    "pwdAllowUserChange": "TRUE",
    "pwdMustChange": "FALSE",
    "pwdLockout": "FALSE",
    "pwdMaxFailure": "0",
}


@pytest.fixture
def policed(server_of: Callable[[str], LdapTarget]) -> LdapTarget:
    target = server_of("ldap-tls")
    target.server.change(POLICY, **{name: [text] for name, text in RULES.items()})
    return target


def rule(target: LdapTarget, **rules: str) -> None:
    target.server.change(POLICY, **{name: [text] for name, text in rules.items()})


def new_user(target: LdapTarget, name: str = "") -> str:
    user = f"cn={name or 'app_' + uuid.uuid4().hex[:12]},{POLICED}"
    target.create_user(user, OLD)
    return user


def new_admin(target: LdapTarget, user: str) -> str:
    admin = user.replace(",", "_admin,", 1)
    target.create_administrator(admin, "admin-password", over=user)
    return admin


def session(target: LdapTarget, user: str, password: str = OLD) -> Any:
    return closing(ldap.connect(target.login(user, password), lambda: 30.0))


def function(strategy: str) -> Any:
    return BUILTIN[f"detent-ldap-{strategy}"]


def test_where_a_hash_is_refused_two_passwords_are_too_and_the_way_with_a_window_is_named(policed: LdapTarget) -> None:
    user, client = new_user(policed), SecretsSimulator()
    policed.let_change_itself(user)
    before = policed.server.values(user)
    arn = client.create(policed.value(user, OLD))
    with pytest.raises(StepFailed, match=r"left as it is: rotate by detent-ldap-single-user, .* has a window"):
        rotate(arn, client, function=function("dual-password"))
    assert policed.server.values(user) == before
    del client.secrets[arn].labels["AWSPENDING"]
    for _ in range(3):
        rotate(arn, client, function=function("single-user"), times=2)
        assert policed.alive(client.value(arn))
        assert not policed.alive(client.value(arn, "AWSPREVIOUS"))


def test_an_admin_secret_does_not_help_where_there_is_room_for_one_password_only(policed: LdapTarget) -> None:
    user = new_user(policed)
    with session(policed, new_admin(policed, user), "admin-password") as admin:
        with pytest.raises(NoRoom, match="has a window"):
            admin.add_password(user, Password(NEW))
        with pytest.raises(NoRoom, match="has a window"):
            admin.retire_passwords(user, [Password(NEW)])
    assert policed.logs_in(user, OLD)


def test_a_policy_that_takes_hashes_has_room_for_two_passwords_and_for_their_history(policed: LdapTarget) -> None:
    rule(policed, pwdCheckQuality="1", pwdSafeModify="FALSE")
    user, client = new_user(policed), SecretsSimulator()
    policed.let_change_itself(user)
    arn = client.create(policed.value(user, OLD))
    for _ in range(3):
        rotate(arn, client, function=function("dual-password"))
        assert policed.alive(client.value(arn))
        assert policed.alive(client.value(arn, "AWSPREVIOUS"))
    assert not policed.logs_in(user, OLD)


@pytest.mark.parametrize("refused", ["short", OLD, NEW])
def test_a_password_that_the_rules_turn_down_is_told_from_a_change_that_is(policed: LdapTarget, refused: str) -> None:
    user = new_user(policed)
    policed.let_change_itself(user)
    with session(policed, user) as own:
        own.change_own_password(Password(NEW))
        own.change_own_password(Password("a-third-long-password"))
        with pytest.raises(PasswordRefused, match=r"turned the new password of .* down"):
            own.change_own_password(Password(refused))
    assert policed.logs_in(user, "a-third-long-password")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("pwdMinAge", "3600", "pwdMinAge"), ("pwdAllowUserChange", "FALSE", "pwdAllowUserChange")],
)
def test_a_user_that_may_not_change_its_password_now_leaves_it_to_an_admin(
    policed: LdapTarget, name: str, text: str, said: str
) -> None:
    rule(policed, **{name: text}, pwdSafeModify="FALSE")
    user = new_user(policed)
    policed.let_change_itself(user)
    with session(policed, user) as own:
        for change in (own.change_own_password, lambda new: own.add_password(user, new)):
            with pytest.raises(ChangeRefused, match=said):
                change(Password(NEW))
    assert policed.logs_in(user, OLD)


def test_an_admin_sets_a_password_again_though_it_is_in_the_history(policed: LdapTarget) -> None:
    rule(policed, pwdSafeModify="FALSE")
    user = new_user(policed)
    with session(policed, new_admin(policed, user), "admin-password") as admin:
        admin.set_password(user, Password(NEW))
        admin.set_password(user, Password(NEW))
        admin.set_password(user, Password("a-third-long-password"))
        with pytest.raises(PasswordRefused, match="history"):
            admin.set_password(user, Password(NEW))


def test_a_password_that_must_be_changed_before_anything_else_is_proven_by_nobody(policed: LdapTarget) -> None:
    rule(policed, pwdMustChange="TRUE")
    user = new_user(policed)
    policed.set_password(user, NEW)
    policed.server.change(user, pwdReset=["TRUE"])
    policed.let_change_itself(user)
    with session(policed, user, NEW) as own:
        with pytest.raises(EngineUnavailable, match="pwdMustChange"):
            own.ping()
        own.change_own_password(Password("a-third-long-password"))
        own.ping()


def test_a_locked_account_says_so(policed: LdapTarget) -> None:
    rule(policed, pwdLockout="TRUE", pwdMaxFailure="2")
    user = new_user(policed)
    for said in ("wrong password", "wrong password", "the account is locked"):
        with pytest.raises(LoginRejected, match=said):
            ldap.connect(policed.login(user, "wrong-password"), lambda: 30.0)
