"""Rotation functions of one's own: a service that is a class, and a shipped function that is varied a little."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from detent.functions.contract import RotationFunction, StepFailed
from detent.functions.own import (
    ChangeRefused,
    Issued,
    Key,
    Login,
    Password,
    PasswordRules,
    Refused,
    Service,
    rotation,
)
from detent.functions.strategies import AlternatingUsers, SingleUser
from detent.functions.testing import STEPS, rotated
from servers.postgres import PostgresTarget

VALUE = {"engine": "shop", "host": "shop.example.com", "username": "app", "password": "canary-current-password"}


class Shop(Service):
    """A service that keeps its passwords in a dict; what the tests below add is its API."""

    name = "shop"

    def __init__(self) -> None:
        self.passwords_of: dict[str, list[str]] = {"app": [VALUE["password"]], "boss": ["canary-admin-password"]}

    def log_in(self, login: Login) -> None:
        if login.password.reveal() not in self.passwords_of.get(login.username, []):
            raise Refused("wrong password, or no such user")


class OwnShop(Shop):
    def change_password(self, login: Login, new: Password) -> None:
        self.log_in(login)
        self.passwords_of[login.username] = [new.reveal()]


class AdminShop(Shop):
    def set_password(self, admin: Login, user: str, new: Password) -> None:
        if admin.username != "boss":
            raise ChangeRefused("only the boss may: give the secret an admin secret")
        self.passwords_of[user] = [new.reveal()]


class PairShop(AdminShop):
    def clone_user(self, admin: Login, source: str, target: str, password: Password) -> None:
        assert source in self.passwords_of
        self.set_password(admin, target, password)

    def privileges(self, login: Login, user: str) -> frozenset[str]:
        self.log_in(login)
        return frozenset({"buys"} if user in self.passwords_of else ())


class TwoPasswords(Shop):
    def add_password(self, login: Login, user: str, new: Password) -> None:
        self.log_in(login)
        self.passwords_of[user].append(new.reveal())

    def retire_passwords(self, login: Login, user: str, keep: Sequence[Password]) -> None:
        self.log_in(login)
        kept = [one.reveal() for one in keep]
        self.passwords_of[user] = [one for one in self.passwords_of[user] if one in kept]


class KeyShop(Shop):
    password_key, key_id = "api_key", "api_key_id"

    def __init__(self) -> None:
        super().__init__()
        self.made = [("1", "by hand")]

    def issue_key(self, login: Login, user: str, mark: str) -> Issued:
        self.log_in(login)
        self.made.append((str(len(self.made) + 1), mark))
        self.passwords_of[user].append(f"canary-key-{mark}")
        return Issued(self.made[-1][0], Password(f"canary-key-{mark}"))

    def list_keys(self, login: Login, user: str) -> Sequence[Key]:
        assert user == login.username
        return [Key(*one) for one in self.made]

    def revoke_key(self, login: Login, user: str, key: str) -> None:
        assert login.username == user
        self.made = [one for one in self.made if one[0] != key]


ADMIN = {**VALUE, "username": "boss", "password": "canary-admin-password"}


def test_a_service_that_changes_its_own_password_is_rotated_by_a_single_user() -> None:
    shop = OwnShop()
    function = rotation(shop)
    assert function.strategy.name == "single-user"
    new = rotated(function, {**VALUE, "note": "kept"})
    assert shop.passwords_of["app"] == [new["password"]] != [VALUE["password"]]
    assert new["note"] == "kept"
    assert function.about.endswith("(shop)")


@pytest.mark.parametrize(
    ("service", "strategy"),
    [(AdminShop, "single-user"), (PairShop, "alternating-users"), (TwoPasswords, "dual-password")],
)
def test_what_a_service_can_do_says_which_strategy_it_gets(service: type[Shop], strategy: str) -> None:
    shop = service()
    function = rotation(shop)
    assert function.strategy.name == strategy
    new = rotated(function, VALUE, admin=ADMIN)
    assert new["password"] in shop.passwords_of[new["username"]]
    assert (VALUE["password"] in shop.passwords_of["app"]) == function.overlaps
    assert (service().FACTS.privileges[strategy].own is None) == (service is not TwoPasswords)


def test_a_service_that_issues_keys_gets_issued_keys() -> None:
    shop = KeyShop()
    value = {**VALUE, "api_key_id": "1", "api_key": VALUE["password"]}
    new = rotated(rotation(shop), {key: one for key, one in value.items() if key != "password"})
    assert (new["api_key_id"], new["api_key"]) == ("2", f"canary-key-{shop.made[-1][1]}")


def test_a_service_that_can_change_nothing_is_no_function() -> None:
    with pytest.raises(TypeError, match="Shop needs change_password, set_password or issue_key"):
        rotation(Shop())


def test_another_strategy_may_be_asked_for() -> None:
    assert rotation(PairShop(), SingleUser()).strategy.name == "single-user"


def test_errors_of_a_service_that_are_none_of_ours_are_told_without_passwords() -> None:
    class Broken(OwnShop):
        def change_password(self, login: Login, new: Password) -> None:
            raise RuntimeError(f"cannot set {new.reveal()} in the place of {login.password.reveal()}")

    with pytest.raises(StepFailed, match="RuntimeError: cannot set ") as caught:
        rotated(rotation(Broken()), VALUE)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_missing_key_is_told_with_a_complete_value() -> None:
    with pytest.raises(StepFailed, match=r'"host" is missing.* A complete value: {"engine": "shop"'):
        rotated(rotation(OwnShop()), {key: one for key, one in VALUE.items() if key != "host"})


class Varied(RotationFunction):
    """What the how-to shows: each is a line or two."""

    passwords = PasswordRules(length=40, no_punctuation=True)

    def more_fields(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"url": f"postgresql://{value['username']}:{value['password']}@{value['host']}:{value['port']}/postgres"}

    def more_probes(self, value: Mapping[str, Any]) -> list[str | dict[str, Any]]:
        return [{"statement": "SELECT current_user", "expect": value["username"]}]

    def after_set(self, session: Any, value: Mapping[str, Any]) -> None:
        session.probe(f"SELECT 'after {value['username']}'")
        self.seen = value["username"]


def test_a_shipped_function_is_varied_by_a_few_lines(postgres: PostgresTarget) -> None:
    function = Varied(SingleUser(), "postgres")
    value = postgres.new_value()
    new = rotated(function, value)
    assert len(new["password"]) == 40
    assert new["password"].isalnum()
    assert new["url"].startswith(f"postgresql://{value['username']}:{new['password']}@")
    assert function.seen == value["username"]
    assert postgres.alive(new)


def test_a_probe_of_ones_own_that_fails_keeps_the_current_credential(postgres: PostgresTarget) -> None:
    class Wrong(Varied):
        def more_probes(self, value: Mapping[str, Any]) -> list[str | dict[str, Any]]:
            del value
            return [{"statement": "SELECT 1", "expect": 2}]

    with pytest.raises(StepFailed, match="probe 1 did not give what is expected of it"):
        rotated(Wrong(SingleUser(), "postgres"), postgres.new_value())


def test_rotated_takes_fewer_steps_and_an_admin_secret(postgres: PostgresTarget) -> None:
    value = postgres.new_value()
    made = rotated(Varied(SingleUser(), "postgres"), value, steps=STEPS[:1])
    assert made["password"] != value["password"]
    assert postgres.alive(value)
    postgres.create_administrator(f"admin_{value['username']}", "canary-admin-password", value["username"])
    admin = postgres.value(f"admin_{value['username']}", "canary-admin-password")
    new = rotated(RotationFunction(AlternatingUsers(), "postgres"), value, admin=admin)
    assert new["username"] == f"{value['username']}_clone"
    assert "masterarn" not in new
