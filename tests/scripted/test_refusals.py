"""Every class of refusal that a server has, raised as the driver raises it, and what the engine makes of it."""

from collections.abc import Callable
from contextlib import closing

import pytest

from detent.functions.abilities import Administration
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.passwords import Password
from scripted.mysql import error as mysql
from scripted.oracle import error as oracle
from scripted.redshift import error as redshift
from scripted.sqlserver import error as sqlserver
from scripted.target import ScriptedTarget

Scripted = Callable[[str], ScriptedTarget]

LOGINS = [
    ("mysql", mysql(1045, "Access denied for user 'x'@'y'"), LoginRejected, "wrong password"),
    ("mysql", mysql(1862), LoginRejected, "PASSWORD EXPIRE NEVER"),
    ("mysql", mysql(3118), LoginRejected, "ACCOUNT UNLOCK"),
    ("mysql", mysql(3955), EngineUnavailable, "blocked after too many"),
    ("mysql", mysql(1040), EngineUnavailable, "too many connections"),
    ("mysql", mysql(1130), EngineUnavailable, "no account for this client"),
    ("mysql", mysql(1524), EngineUnavailable, "plug-in"),
    ("mysql", mysql(3159), EngineUnavailable, "takes no plaintext"),
    ("oracle", oracle(1017), LoginRejected, "wrong password"),
    ("oracle", oracle(28000), LoginRejected, "ACCOUNT UNLOCK"),
    ("oracle", oracle(28001), LoginRejected, "expired"),
    ("oracle", oracle(1045), EngineUnavailable, "GRANT CREATE SESSION"),
    ("oracle", oracle(1033), EngineUnavailable, "starting up"),
    ("oracle", oracle(12514), EngineUnavailable, "no such service"),
    ("oracle", oracle("DPY-6000", "Listener refused connection"), EngineUnavailable, "listener refused"),
    ("oracle", oracle("DPY-3001", "Native Network Encryption"), EngineUnavailable, "use TLS"),
    ("sqlserver", sqlserver(18456), LoginRejected, "wrong password"),
    ("sqlserver", sqlserver(18486), LoginRejected, "UNLOCK"),
    ("sqlserver", sqlserver(18487), LoginRejected, "expired"),
    ("sqlserver", sqlserver(18488), LoginRejected, "MUST_CHANGE"),
    ("sqlserver", sqlserver(18470), LoginRejected, "ENABLE"),
    ("sqlserver", sqlserver(40613), EngineUnavailable, "not available"),
    ("sqlserver", sqlserver(10928), EngineUnavailable, "too many connections"),
    ("sqlserver", sqlserver(20002, "SSL: certificate verify failed"), EngineUnavailable, "sslrootcert"),
    ("redshift", redshift("28000", "password authentication failed"), LoginRejected, "wrong password"),
    ("redshift", redshift("28000", "no pg_hba.conf entry for host"), EngineUnavailable, "may require TLS"),
    ("redshift", redshift("53300"), EngineUnavailable, "too many connections"),
    ("redshift", redshift("57P03"), EngineUnavailable, "resume the cluster"),
    ("redshift", redshift("XX000"), EngineUnavailable, "not usable"),
]

CHANGES = [
    ("mysql", mysql(1819, "Your password does not satisfy"), PasswordRefused, "does not satisfy"),
    ("mysql", mysql(3638, "contradict the password history policy"), PasswordRefused, "history"),
    ("mysql", mysql(3878), ChangeRefused, "current password is empty"),
    ("mysql", mysql(1227, "you need the SYSTEM_USER privilege"), ChangeRefused, "SYSTEM_USER"),
    ("mysql", mysql(1290, "--super-read-only"), ChangeRefused, "must be the primary"),
    ("mysql", mysql(1064, "near 'canary-new-password'"), ChangeRefused, "did not understand"),
    ("mysql", mysql(1205), EngineUnavailable, "in time"),
    ("mysql", mysql(2013), EngineUnavailable, "connection was lost"),
    ("oracle", oracle(28003, "verification failed: too simple"), PasswordRefused, "too simple"),
    ("oracle", oracle(20001, "must hold a digit"), PasswordRefused, "must hold a digit"),
    ("oracle", oracle(28007, "the password cannot be reused"), PasswordRefused, "reused"),
    ("oracle", oracle(1031), ChangeRefused, "GRANT ALTER USER"),
    ("oracle", oracle(28221), ChangeRefused, "REPLACE"),
    ("oracle", oracle(16000), ChangeRefused, "must be the primary"),
    ("oracle", oracle(3113), EngineUnavailable, "connection was lost"),
    ("oracle", oracle("DPY-4024", "call timeout of 1000 ms exceeded"), EngineUnavailable, "in time"),
    ("sqlserver", sqlserver(15116, "it is too short."), PasswordRefused, "too short"),
    ("sqlserver", sqlserver(15118, "not complex enough."), PasswordRefused, "not complex enough"),
    ("sqlserver", sqlserver(15114), ChangeRefused, "too recent"),
    ("sqlserver", sqlserver(102, "near 'canary-new-password'"), ChangeRefused, "did not understand"),
    ("sqlserver", sqlserver(15151), ChangeRefused, "GRANT ALTER ANY LOGIN"),
    ("sqlserver", sqlserver(3906), ChangeRefused, "must be the primary"),
    ("sqlserver", sqlserver(20003), EngineUnavailable, "in time"),
    ("sqlserver", sqlserver(20006), EngineUnavailable, "connection was lost"),
    ("redshift", redshift("22023", "password is too short"), PasswordRefused, "too short"),
    ("redshift", redshift("42501"), ChangeRefused, "sys:secadmin"),
    ("redshift", redshift("42704"), ChangeRefused, "there is no user"),
    ("redshift", redshift("57014"), EngineUnavailable, "in time"),
    ("redshift", redshift("57P01"), EngineUnavailable, "connection was lost"),
]


def named(case: object) -> str | None:
    return case if isinstance(case, str) else getattr(case, "__name__", "refused")


@pytest.mark.parametrize(("row", "error", "kind", "said"), LOGINS, ids=named)
def test_a_login_that_is_refused_blames_the_password_only_where_the_server_does(
    scripted: Scripted, row: str, error: Exception, kind: type[Exception], said: str
) -> None:
    target = scripted(row)
    value = target.new_value()
    with target.server.closed_to_logins(error), pytest.raises(kind, match=said) as caught:
        target.module.connect(target.login(value["username"], value["password"]), lambda: 30.0)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(("row", "error", "kind", "said"), CHANGES, ids=named)
def test_a_change_that_is_refused_says_why_and_changes_nothing(
    scripted: Scripted, row: str, error: Exception, kind: type[Exception], said: str
) -> None:
    target = scripted(row)
    value = target.new_value()
    user = value["username"]
    target.create_administrator(f"{user}_admin", "admin-password", over=user)
    target.server.trouble(r"^ALTER (USER|LOGIN) .*(BY|PASSWORD)", error)
    with closing(target.module.connect(target.login(f"{user}_admin", "admin-password"), lambda: 30.0)) as admin:
        assert isinstance(admin, Administration)
        with pytest.raises(kind, match=said) as caught:
            admin.set_password(user, Password("canary-new-password"))
    assert "canary-new-password" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert target.alive(value)
