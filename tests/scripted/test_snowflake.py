"""What only Snowflake does, and its refusals."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from snowflake.connector.errors import DatabaseError, OperationalError, ProgrammingError

from detent.functions.engines import snowflake
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, NoRoom
from scripted.snowflake_server import SnowflakeTarget
from servers.target import OLD

MARK = "0123456789abcdef/1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def plenty() -> float:
    return 30.0


@pytest.fixture
def target(scripted: Callable[[str], Any]) -> SnowflakeTarget:
    found: SnowflakeTarget = scripted("snowflake")
    return found


@pytest.fixture
def user(target: SnowflakeTarget) -> str:
    name: str = target.new_value()["username"]
    return name


def opened(target: SnowflakeTarget, user: str, **settings: Any) -> Any:
    return closing(snowflake.connect(target.login(user, OLD, **settings), plenty))


def comment(target: SnowflakeTarget, user: str) -> str:
    found: str = target.server.accounts[user].settings["COMMENT"]
    return found


def test_a_pair_is_issued_marked_in_the_comment_and_revoked_repeatably(target: SnowflakeTarget, user: str) -> None:
    first = target.value(user, OLD)["public_key_fp"]
    target.let_rotate_itself(user)
    with opened(target, user, role="DETENT_ROTATION") as session:
        issued = session.issue_key(user, MARK)
        assert [(key.id, key.mark) for key in session.keys(user)] == [(first, None), (issued.id, MARK)]
        assert comment(target, user) == f"the shop's own [detent {issued.id} {MARK}]"
        with pytest.raises(NoRoom, match="no third key"):
            session.issue_key(user, MARK)
        for _ in range(2):
            session.revoke_key(user, first)
        again = session.issue_key(user, f"{MARK}-2")
        assert {key.id: key.mark for key in session.keys(user)} == {issued.id: MARK, again.id: f"{MARK}-2"}
        session.revoke_key(user, issued.id)
        session.issue_key(user, f"{MARK}-3")
    assert comment(target, user).startswith("the shop's own [detent ")
    assert issued.id not in comment(target, user)


def test_an_administrator_does_the_same_for_the_user(target: SnowflakeTarget, user: str) -> None:
    target.create_administrator(f"{user}_admin", OLD, over=user)
    with opened(target, f"{user}_admin") as admin:
        issued = admin.issue_key(user, MARK)
        assert issued.id in target.fingerprints(user)
        admin.revoke_key(user, issued.id)
    assert target.logs_in(user, OLD)


def test_no_private_key_is_sent_or_shown(target: SnowflakeTarget, user: str) -> None:
    target.let_rotate_itself(user)
    with opened(target, user) as session:
        issued = session.issue_key(user, MARK)
    secret = issued.secret.reveal().splitlines()[1]
    assert secret not in "".join(target.server.asked)
    assert secret not in repr(issued)


def test_who_does_not_own_the_user_is_told_what_is_needed(target: SnowflakeTarget, user: str) -> None:
    with opened(target, user) as session, pytest.raises(ChangeRefused, match="GRANT OWNERSHIP ON USER"):
        session.issue_key(user, MARK)
    assert target.logs_in(user, OLD)


def test_a_user_that_is_not_there_is_told(target: SnowflakeTarget, user: str) -> None:
    with opened(target, user) as session, pytest.raises(ChangeRefused, match="does not exist"):
        session.keys("ghost")


def test_a_name_that_is_not_plain_is_quoted(target: SnowflakeTarget) -> None:
    target.create_user('od"d name', OLD)
    target.server.accounts['od"d name'].settings["owner"] = "DETENT_ROTATION"
    target.server.accounts['od"d name'].rights.add("DETENT_ROTATION")
    with opened(target, 'od"d name') as session:
        assert len(session.keys('od"d name')) == 1
        session.issue_key('od"d name', MARK)


def test_two_parts_that_do_not_belong_together_are_no_login(target: SnowflakeTarget, user: str) -> None:
    with pytest.raises(LoginRejected, match="is not the fingerprint of"):
        snowflake.connect(target.login(user, OLD, public_key_fp="SHA256:" + "A" * 43 + "="), plenty)


def test_a_key_of_somebody_else_is_a_rejected_login(target: SnowflakeTarget, user: str) -> None:
    login = target.login(user, "no such password")
    with pytest.raises(LoginRejected, match="the key is none of the user's"):
        snowflake.connect(login, plenty)


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (DatabaseError(msg="User is disabled", errno=390101), LoginRejected, "disabled"),
        (DatabaseError(msg="locked", errno=390102), EngineUnavailable, "locked"),
        (DatabaseError(msg="role", errno=390189), EngineUnavailable, 'correct "role"'),
        (DatabaseError(msg="IP not allowed", errno=390422), EngineUnavailable, "network policy"),
        (OperationalError(msg="HTTP 403: Forbidden", errno=250001), EngineUnavailable, "no such account"),
        (OperationalError(msg="certificate verify failed", errno=250001), EngineUnavailable, "certificate"),
        (OperationalError(msg="login timed out after 1s", errno=14), EngineUnavailable, "no answer in time"),
        (OperationalError(msg="as the driver says it"), EngineUnavailable, "as the driver says it"),
    ],
)
def test_a_refused_login_blames_the_key_only_where_the_server_does(
    target: SnowflakeTarget, user: str, raised: Exception, kind: type[Exception], said: str
) -> None:
    with target.server.closed_to_logins(raised), pytest.raises(kind, match=said):
        snowflake.connect(target.login(user, OLD), plenty)


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (ProgrammingError(msg="no privileges", errno=3001), ChangeRefused, "GRANT OWNERSHIP"),
        (
            ProgrammingError(msg="New public key rejected: MIIBIjANBgkqhkiG9w0BAQE", errno=1008),
            ChangeRefused,
            "error 1008",
        ),
        (OperationalError(msg="session is gone", errno=390111), EngineUnavailable, "connection was lost"),
        (OperationalError(msg="reset by peer"), EngineUnavailable, "connection was lost"),
    ],
)
def test_a_refused_change_says_what_to_do(
    target: SnowflakeTarget, user: str, raised: Exception, kind: type[Exception], said: str
) -> None:
    target.let_rotate_itself(user)
    target.server.trouble("ALTER USER", raised)
    with opened(target, user) as session, pytest.raises(kind, match=said) as caught:
        session.issue_key(user, MARK)
    assert "MII" not in str(caught.value)
    assert target.logs_in(user, OLD)


def test_odd_keys_are_told() -> None:
    odd = snowflake.faults({"public_key_fp": "md5", "private_key": "secret", "role": 1})
    assert [fault.split()[0] for fault in odd] == ['"public_key_fp"', '"private_key"', '"role"']
