"""What RabbitMQ's users may be, how their logins are told apart, and what goes on when a password changes."""

import json
import shlex
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.contract import StepFailed
from detent.functions.engines import Login
from detent.functions.engines import rabbitmq as engine
from detent.functions.engines.rabbitmq.rights import Rights, requests_between, tags_of
from detent.functions.engines.rabbitmq.session import RabbitmqSession
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.httpapi import HttpApi
from detent.functions.network import located
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from detent.functions.values import login_of
from functions.stories import STEPS, event
from servers.amqp import AmqpConnection
from servers.canned import canned_api
from servers.rabbitmq import RabbitmqTarget
from servers.target import OLD

NEW = "canary-new-password"
ADMIN = "canary-admin-password"


@pytest.fixture
def rabbit(server_of: Callable[[str], RabbitmqTarget]) -> RabbitmqTarget:
    return server_of("rabbitmq")


@pytest.fixture
def user(rabbit: RabbitmqTarget) -> str:
    name = f"app_{uuid.uuid4().hex[:12]}"
    rabbit.create_user(name, OLD)
    return name


def plenty() -> float:
    return 30.0


def session_of(target: RabbitmqTarget, user: str, password: str = OLD) -> closing[RabbitmqSession]:
    return closing(engine.connect(target.login(user, password), plenty))


def admin_of(target: RabbitmqTarget, user: str) -> closing[RabbitmqSession]:
    target.create_administrator(f"{user}_admin", ADMIN, over=user)
    return session_of(target, f"{user}_admin", ADMIN)


def login_at(port: int) -> Login:
    value = {"engine": "rabbitmq", "host": "127.0.0.1", "port": port, "username": "app", "password": OLD}
    return login_of(value, engine)


# Logins


@pytest.mark.parametrize("tag", ["", "management", "administrator", "impersonator"])
def test_a_login_is_proven_and_refused_whatever_tag_the_user_has(rabbit: RabbitmqTarget, user: str, tag: str) -> None:
    rabbit.put(f"users/{user}", password=OLD, tags=tag)
    with session_of(rabbit, user) as session:
        session.ping()
    with pytest.raises(LoginRejected, match="wrong password"):
        engine.connect(rabbit.login(user, "wrong"), plenty)


def test_a_user_whose_password_was_taken_away_is_refused(rabbit: RabbitmqTarget, user: str) -> None:
    rabbit.put(f"users/{user}", password_hash="", tags="")
    with pytest.raises(LoginRejected):
        engine.connect(rabbit.login(user, OLD), plenty)


def test_a_session_whose_password_was_changed_by_another_is_over(rabbit: RabbitmqTarget, user: str) -> None:
    with admin_of(rabbit, user) as session:
        rabbit.put(f"users/{user}_admin", password="other", tags="administrator")
        with pytest.raises(EngineUnavailable, match="not taken any more"):
            session.set_password(user, Password(NEW))
    assert rabbit.logs_in(user, OLD)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, '{"error": "not_authorised", "reason": "User can only log in via localhost"}', "loopback_users"),
        (
            401,
            '{"error": "not_authorized", "reason": "HTTP access denied: basic auth disabled"}',
            "basic auth disabled",
        ),
        (503, "busy", "the server said: 503"),
        (404, "<html></html>", "not RabbitMQ's management API"),
        (200, "{}", "not RabbitMQ's management API"),
        (200, "[1]", "not RabbitMQ's management API"),
    ],
)
def test_what_is_no_fault_of_the_password_blames_none(status: int, body: str, said: str) -> None:
    with canned_api(status, body) as port, pytest.raises(EngineUnavailable, match=said):
        engine.connect(login_at(port), plenty)


def test_a_user_name_with_a_colon_is_a_fault() -> None:
    assert "colon" in engine.faults({"username": "a:b"})[0]
    assert "colon" in engine.faults({"username": "a", "usernames": ["a", "b:c"]})[0]


# Changes


def test_connections_of_amqp_go_on_and_new_ones_need_the_new_password(rabbit: RabbitmqTarget, user: str) -> None:
    with AmqpConnection(rabbit.server.amqp_port, user, OLD) as application, admin_of(rabbit, user) as admin:
        application.open()
        admin.set_password(user, Password(NEW))
        assert application.is_open(channel=1)
        assert not rabbit.logs_in(user, OLD)
        assert rabbit.logs_in(user, NEW)
        assert application.is_open(channel=2)


def test_a_password_is_sent_as_a_hash_with_a_salt_of_its_own_and_the_tags_stay(
    rabbit: RabbitmqTarget, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rabbit.put(f"users/{user}", password=OLD, tags="monitoring,policymaker")
    sent: list[Any] = []
    ask = HttpApi.ask

    def recorded(api: HttpApi, method: str, path: str, body: object, headers: Any) -> Any:
        sent.append((path, body))
        return ask(api, method, path, body, headers)

    monkeypatch.setattr(HttpApi, "ask", recorded)
    with admin_of(rabbit, user) as admin:
        admin.set_password(user, Password(NEW))
        admin.set_password(user, Password(NEW))
    hashes = [body["password_hash"] for _, body in sent if body]
    assert len(set(hashes)) == 2
    assert NEW not in json.dumps(sent)
    assert rabbit.logs_in(user, NEW)
    assert set(rabbit.server.asked("GET", f"users/{user}")[1]["tags"]) == {"monitoring", "policymaker"}


def test_an_ordinary_user_may_not_change_itself_and_is_told_the_cure(rabbit: RabbitmqTarget, user: str) -> None:
    with session_of(rabbit, user) as session:
        with pytest.raises(ChangeRefused, match=f"rabbitmqctl set_user_tags {user} administrator"):
            session.change_own_password(Password(NEW))
        session.ping()
    assert rabbit.logs_in(user, OLD)


def test_the_statements_of_the_facts_make_an_administrator(rabbit: RabbitmqTarget, user: str) -> None:
    for statement in engine.FACTS.privileges["single-user"].admin:
        program, *words = shlex.split(statement.format(admin=f"{user}_admin"))
        assert program == "rabbitmqctl"
        rabbit.server.control(*words, typed=f"{ADMIN}\n")
    with session_of(rabbit, f"{user}_admin", ADMIN) as admin:
        admin.set_password(user, Password(NEW))
    (own,) = engine.FACTS.privileges["single-user"].own or ()
    rabbit.server.control(*shlex.split(own.format(user=user))[1:])
    with session_of(rabbit, user, NEW) as session:
        session.change_own_password(Password(OLD))
    assert rabbit.logs_in(user, OLD)


@pytest.mark.parametrize(("status", "error"), [(503, EngineUnavailable), (400, ChangeRefused)])
def test_a_server_that_fails_is_unavailable_and_one_that_refuses_says_why(status: int, error: type[Exception]) -> None:
    with canned_api(status, '{"reason": "no such thing"}') as port:
        login = login_at(port)
        with closing(RabbitmqSession(HttpApi(login, located(login, 10), plenty), login)) as session:
            with pytest.raises(error, match="no such thing"):
                session.set_password("app", Password(NEW))
            with pytest.raises(EngineUnavailable, match="no such thing"):
                session.ping()


# Two users alike


def test_a_topic_permission_that_the_source_lost_is_lost_by_the_clone(rabbit: RabbitmqTarget, user: str) -> None:
    rabbit.grant_something(user)
    with admin_of(rabbit, user) as admin:
        admin.clone_user(user, f"{user}_clone", Password(NEW))
        rabbit.server.asked("DELETE", f"topic-permissions/app/{user}")
        rabbit.put(f"topic-permissions/app/{user}", exchange="other", write="", read="^c")
        rabbit.server.asked("DELETE", f"user-limits/{user}/max-channels")
        assert admin.privileges(f"{user}_clone") != admin.privileges(user)
        admin.clone_user(user, f"{user}_clone", Password(NEW))
        assert admin.privileges(f"{user}_clone") == admin.privileges(user)
        assert any("topics of exchange 'other'" in name for name in admin.privileges(user))


def test_users_that_are_alike_need_no_request() -> None:
    rights = Rights(frozenset({"a"}), {"max-channels": 1}, {"/": ("", "", ".*")}, {"/": frozenset({("x", "", "")})})
    assert list(requests_between(rights, rights, "app")) == []


def test_tags_of_older_servers_are_one_text() -> None:
    assert tags_of({"tags": "monitoring,administrator"}) == ["monitoring", "administrator"]
    assert tags_of({"tags": ""}) == tags_of({"tags": []}) == tags_of({}) == []


def test_an_admin_who_may_not_see_rights_fails_the_test_step_with_the_cure(rabbit: RabbitmqTarget, user: str) -> None:
    client, function = SecretsSimulator(), BUILTIN["detent-rabbitmq-alternating-users"]
    admin = f"{user}_admin"
    rabbit.create_administrator(admin, ADMIN, over=user)
    link = client.create(rabbit.value(admin, ADMIN), name="admin")
    arn = client.create(rabbit.value(user, OLD, masterarn=link))
    token = client.start_rotation(arn)
    for step in STEPS[:2]:
        function.run(event(step, arn, token), client, plenty)
    rabbit.put(f"users/{admin}", password=ADMIN, tags="monitoring")
    with pytest.raises(StepFailed, match=f"by the admin secret: .*set_user_tags {admin} administrator"):
        function.run(event("testSecret", arn, token), client, plenty)


def test_a_clone_that_may_more_fails_the_test_step(rabbit: RabbitmqTarget, user: str) -> None:
    client, function = SecretsSimulator(), BUILTIN["detent-rabbitmq-alternating-users"]
    rabbit.create_administrator(f"{user}_admin", ADMIN, over=user)
    link = client.create(rabbit.value(f"{user}_admin", ADMIN), name="admin")
    arn = client.create(rabbit.value(user, OLD, masterarn=link))
    token = client.start_rotation(arn)
    for step in STEPS[:2]:
        function.run(event(step, arn, token), client, plenty)
    rabbit.grant_more(f"{user}_clone")
    with pytest.raises(StepFailed, match=r"has besides: configure .* on 'more'"):
        function.run(event("testSecret", arn, token), client, plenty)
