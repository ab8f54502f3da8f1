"""What only ElastiCache does, and its refusals."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.engines import elasticache
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, NoRoom, PasswordRefused, StepFailed
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.stories import STEPS, event
from scripted.elasticache import ElasticacheTarget, refused
from servers.target import OLD

SECOND, THIRD = Password("canary-second-password"), Password("canary-third-password")
FUNCTION = BUILTIN["detent-elasticache-dual-password"]


def plenty() -> float:
    return 30.0


@pytest.fixture
def target(spoken_of: Callable[[str], ElasticacheTarget]) -> ElasticacheTarget:
    return spoken_of("elasticache")


@pytest.fixture
def user(target: ElasticacheTarget) -> str:
    name: str = target.new_value()["username"]
    target.create_administrator(f"{name}_admin", OLD, over=name)
    return name


def opened(target: ElasticacheTarget, user: str, **settings: Any) -> Any:
    return closing(elasticache.connect(target.login(user, OLD, **settings), plenty))


def test_a_second_password_is_added_beside_those_that_are_to_stay_and_no_third(
    target: ElasticacheTarget, user: str
) -> None:
    with opened(target, f"{user}_admin") as admin:
        for _ in range(2):
            admin.retire_passwords(user, [Password(OLD)])
            admin.add_password(user, SECOND)
            admin.add_password(user, SECOND)
            assert target.logs_in(user, OLD)
            assert target.logs_in(user, SECOND.reveal())
        with pytest.raises(NoRoom, match="no third password"):
            admin.add_password(user, THIRD)
        admin.retire_passwords(user, [SECOND])
        assert not target.logs_in(user, OLD)
        assert target.logs_in(user, SECOND.reveal())
    with opened(target, f"{user}_admin") as another, pytest.raises(ChangeRefused, match="must be said before"):
        another.add_password(user, THIRD)


def test_a_user_cannot_change_itself(target: ElasticacheTarget, user: str) -> None:
    with opened(target, user) as session, pytest.raises(ChangeRefused, match="users of ElastiCache never can"):
        session.retire_passwords(user, [Password(OLD)])


def test_a_change_that_is_not_done_in_time_is_waited_for_by_the_next_try(target: ElasticacheTarget, user: str) -> None:
    client = SecretsSimulator()
    link = client.create(target.value(f"{user}_admin", OLD), name="admin")
    arn = client.create({**target.value(user, OLD), "masterarn": link})
    token = client.start_rotation(arn)
    FUNCTION.run(event("createSecret", arn, token), client, plenty)
    target.script.stuck = True
    with pytest.raises(StepFailed, match=r"is not done with the user .*modifying"):
        FUNCTION.run(event("setSecret", arn, token), client, lambda: 0.9 if _asked(target) else 5.0)
    target.script.stuck = False
    for step in STEPS[1:]:
        FUNCTION.run(event(step, arn, token), client, plenty)
    assert target.alive(client.value(arn))
    assert target.alive(client.value(arn, "AWSPREVIOUS"))


def _asked(target: ElasticacheTarget) -> bool:
    """Let time grow short once the change was asked for."""
    if "ModifyUser" not in target.script.written:
        return False
    return len(target.script.written) > target.script.written.index("ModifyUser") + 20


@pytest.fixture(autouse=True)
def _fresh(target: ElasticacheTarget) -> None:
    target.script.written.clear()


def test_of_two_users_of_one_name_the_user_group_tells(target: ElasticacheTarget, user: str) -> None:
    target.create_user(user, OLD, group="group-2")
    with opened(target, f"{user}_admin") as admin, pytest.raises(ChangeRefused, match='"user_group_id"'):
        admin.retire_passwords(user, [Password(OLD)])
    with opened(target, f"{user}_admin", user_group_id="group-2") as admin:
        admin.retire_passwords(user, [Password(OLD)])
        admin.add_password(user, SECOND)
    assert [len(one.passwords) for one in target.script.users if one.name == user] == [1, 2]


def test_pages_are_turned_and_a_user_that_is_on_none_is_told(
    target: ElasticacheTarget, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.create_user(f"{user}_last", OLD)
    monkeypatch.setattr(target.script, "page", 1)
    with opened(target, f"{user}_admin") as admin:
        admin.retire_passwords(f"{user}_last", [Password(OLD)])
        with pytest.raises(ChangeRefused, match="has no user 'ghost'"):
            admin.retire_passwords("ghost", [Password(OLD)])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refused("AccessDenied", "not authorized", 403), (ChangeRefused, "elasticache:ModifyUser on")),
        (refused("InvalidUserState", "being modified"), (EngineUnavailable, "does not do this now")),
        (refused("InvalidParameterValue", "Passwords length must be"), (PasswordRefused, "Passwords length")),
        (refused("InvalidParameterCombination", "as AWS says it"), (ChangeRefused, "as AWS says it")),
        (refused("Throttling", "Rate exceeded"), (EngineUnavailable, "done again later")),
    ],
)
def test_a_refused_change_says_what_to_do(
    target: ElasticacheTarget, user: str, monkeypatch: pytest.MonkeyPatch, answer: Any, expected: Any
) -> None:
    with opened(target, f"{user}_admin") as admin:
        admin.retire_passwords(user, [Password(OLD)])
        monkeypatch.setitem(target.script.fails, "ModifyUser", answer)
        with pytest.raises(expected[0], match=expected[1]):
            admin.add_password(user, SECOND)
    assert target.logs_in(user, OLD)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("SignatureDoesNotMatch", (LoginRejected, "wrong secret access key")),
        ("AccessDenied", (EngineUnavailable, "elasticache:DescribeUsers and")),
        ("ServiceUnavailable", (EngineUnavailable, "done again later")),
        ("InternalError", (EngineUnavailable, "as AWS says it")),
    ],
)
def test_an_access_key_is_blamed_only_where_aws_does(
    target: ElasticacheTarget, user: str, monkeypatch: pytest.MonkeyPatch, code: str, expected: Any
) -> None:
    monkeypatch.setitem(target.script.fails, "DescribeUsers", refused(code, "as AWS says it", 403))
    with pytest.raises(expected[0], match=expected[1]):
        elasticache.connect(target.login(f"{user}_admin", OLD), plenty)


def test_plain_http_leaves_the_machine_never(target: ElasticacheTarget, user: str) -> None:
    login = target.login(f"{user}_admin", OLD, endpoint="http://192.0.2.1")
    with pytest.raises(EngineUnavailable, match="loopback only"):
        elasticache.connect(login, plenty)


def test_a_new_password_is_of_what_elasticache_takes() -> None:
    members = elasticache.FACTS.passwords.members()
    assert 16 <= members["PasswordLength"] <= 128
    assert set("_.~,@/\"'") <= set(members["ExcludeCharacters"])
    assert "-" not in members["ExcludeCharacters"]


def test_odd_keys_are_told() -> None:
    odd = elasticache.faults({"aws_access_key_id": "short", "endpoint": "ftp://host", "user_group_id": 1})
    assert [fault.split()[0] for fault in odd] == ['"aws_access_key_id"', '"region"', '"user_group_id"', '"endpoint"']
