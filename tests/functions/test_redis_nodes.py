"""Redis on several servers: users are not replicated, so whoever changes one must reach all."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from detent.functions.builtin import BUILTIN
from detent.functions.contract import StepFailed
from detent.functions.engines import redis as engine
from detent.functions.engines.redis.session import RedisSession
from detent.functions.errors import ChangeRefused, EngineUnavailable
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.fuse import Fuse, Killed
from functions.stories import STEPS, rotate, run
from servers.redis import RedisTarget, ThrowawayRedis, add_replica, free_port, require_redis, until
from servers.target import OLD

NEW = "canary-new-password"


@pytest.fixture
def pair(server_of: Callable[[str], RedisTarget]) -> RedisTarget:
    return server_of("redis-replicated")


@pytest.fixture
def own_pair() -> Iterator[RedisTarget]:
    """A primary and a replica that the test may end."""
    require_redis()
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(ThrowawayRedis())
        yield RedisTarget(primary, add_replica(stack, primary), monitored=[], tls_port=0)


def able_user(target: RedisTarget) -> str:
    """A user that may change itself."""
    name = f"app_{uuid.uuid4().hex[:12]}"
    target.create_user(name, OLD)
    target.let_change_itself(name)
    return name


def plenty() -> float:
    return 30.0


def session_of(target: RedisTarget, user: str, password: str = OLD, **settings: Any) -> closing[RedisSession]:
    return closing(engine.connect(target.login(user, password, **settings), plenty))


def refusal(target: RedisTarget, user: str, **settings: Any) -> str:
    """What a change is refused with; it must have changed nothing."""
    with session_of(target, user, **settings) as session, pytest.raises((ChangeRefused, EngineUnavailable)) as caught:
        session.change_own_password(Password(NEW))
    assert target.servers[0].logs_in(user, OLD)
    assert not target.servers[0].logs_in(user, NEW)
    return str(caught.value)


# Every server


def test_after_a_failover_the_new_password_works_and_the_former_does_not_come_back(own_pair: RedisTarget) -> None:
    primary, replica = own_pair.servers
    user = able_user(own_pair)
    with session_of(own_pair, user) as session:
        session.change_own_password(Password(NEW))
    primary.stop()
    replica.run("REPLICAOF", "NO", "ONE")
    for _ in range(2):
        assert replica.logs_in(user, NEW)
        assert not replica.logs_in(user, OLD)
        replica.restart()


def test_a_server_that_is_down_stops_the_change_before_it_is_made_anywhere(own_pair: RedisTarget) -> None:
    user = able_user(own_pair)
    replica = own_pair.servers[1]
    replica.stop()
    assert f"127.0.0.1:{replica.port}: unreachable: nothing listens" in refusal(own_pair, user)
    with session_of(own_pair, user) as session, pytest.raises(EngineUnavailable, match=f"{replica.port}: unreachable"):
        session.ping()


def test_a_change_that_was_cut_off_between_two_servers_is_completed_by_doing_it_again(pair: RedisTarget) -> None:
    user = able_user(pair)
    pair.servers[1].run("ACL", "SETUSER", user, "resetpass", f">{NEW}")  # the secret's own host is the last
    with session_of(pair, user) as session:
        session.change_own_password(Password(NEW))
    assert pair.logs_in(user, NEW)
    assert not pair.logs_in(user, OLD)


def test_a_server_that_has_another_password_is_named_and_the_administrator_heals_it(pair: RedisTarget) -> None:
    user = able_user(pair)
    place = f"127.0.0.1:{pair.servers[1].port} refuses the login that 127.0.0.1:{pair.servers[0].port} takes"
    pair.servers[1].run("ACL", "SETUSER", user, "resetpass", ">something else")
    assert place in refusal(pair, user)
    with session_of(pair, user) as session, pytest.raises(EngineUnavailable, match=place):
        session.ping()
    pair.create_administrator(f"{user}_admin", "canary-admin-password", over=user)
    with session_of(pair, f"{user}_admin", "canary-admin-password") as admin:
        admin.set_password(user, Password(NEW))
    assert pair.logs_in(user, NEW)


def test_a_user_that_one_server_lacks_is_not_made_there(pair: RedisTarget) -> None:
    user = able_user(pair)
    pair.create_administrator(f"{user}_admin", "canary-admin-password", over=user)
    pair.servers[1].run("ACL", "DELUSER", user)
    with (
        session_of(pair, f"{user}_admin", "canary-admin-password") as admin,
        pytest.raises(ChangeRefused, match=f"there is no user '{user}' at 127.0.0.1:{pair.servers[1].port}"),
    ):
        admin.set_password(user, Password(NEW))
    assert pair.servers[1].run("ACL", "GETUSER", user) is None
    assert pair.servers[0].logs_in(user, OLD)


# Servers that the secret does not name


def test_a_replica_that_the_secret_does_not_name_stops_the_change(pair: RedisTarget) -> None:
    text = refusal(pair, able_user(pair), nodes=[])
    assert f"tells of a server 127.0.0.1:{pair.servers[1].port} that the secret does not name" in text
    assert 'add it to "nodes"' in text


def test_a_primary_that_the_secret_does_not_name_stops_the_change(pair: RedisTarget) -> None:
    primary, replica = pair.servers
    text = refusal(pair, able_user(pair), port=replica.port, nodes=[])
    assert f"tells of a server 127.0.0.1:{primary.port} that the secret does not name" in text


def test_servers_are_compared_by_where_their_names_lead(pair: RedisTarget) -> None:
    user = able_user(pair)
    with session_of(pair, user, host="localhost", nodes=[f"localhost:{pair.servers[1].port}"]) as session:
        session.change_own_password(Password(NEW))
    assert pair.logs_in(user, NEW)


def test_the_host_may_stand_among_the_nodes_too(pair: RedisTarget) -> None:
    user = able_user(pair)
    nodes = [f"127.0.0.1:{server.port}" for server in (*pair.servers, *pair.servers)]
    with session_of(pair, user, nodes=nodes) as session:
        session.change_own_password(Password(NEW))
    assert pair.logs_in(user, NEW)


@pytest.mark.parametrize("announced", ["no-such-host.invalid", "192.0.2.1"])
def test_a_replica_that_announces_another_address_is_not_the_one_that_is_named(
    own_pair: RedisTarget, announced: str
) -> None:
    primary, replica = own_pair.servers
    user = able_user(own_pair)
    announce(primary, replica, announced)
    text = refusal(own_pair, user)
    assert f"a server {announced}:{replica.port} that the secret does not name" in text
    assert "replica-announce-ip" in text
    announce(primary, replica, "localhost")
    with session_of(own_pair, user) as session:
        session.change_own_password(Password(NEW))


def announce(primary: ThrowawayRedis, replica: ThrowawayRedis, name: str) -> None:
    replica.run("CONFIG", "SET", "replica-announce-ip", name)
    replica.run("REPLICAOF", "NO", "ONE")
    replica.run("REPLICAOF", "127.0.0.1", str(primary.port))
    until(lambda: [entry[0].decode() for entry in primary.run("ROLE")[2]] == [name])


def test_every_node_of_a_cluster_must_be_named() -> None:
    require_redis()
    ports = [str(free_port()) for _ in range(2)]
    one, other = (ThrowawayRedis(cluster_enabled="yes", cluster_port=port) for port in ports)
    with one, other:
        one.run("CLUSTER", "MEET", "127.0.0.1", str(other.port), ports[1])
        until(lambda: met(one, other) and met(other, one))
        cluster = RedisTarget(one, other, monitored=[], tls_port=0)
        user = able_user(cluster)
        assert r"in a cluster +cluster|nodes" in refusal(cluster, user)
        cluster.run("ACL", "SETUSER", user, "+cluster|nodes")
        assert f"127.0.0.1:{other.port} that the secret does not name" in refusal(cluster, user, nodes=[])
        with session_of(cluster, user) as session:
            session.change_own_password(Password(NEW))
        assert cluster.logs_in(user, NEW)
        assert not cluster.logs_in(user, OLD)


def met(one: ThrowawayRedis, other: ThrowawayRedis) -> bool:
    known = one.run("CLUSTER", "NODES").decode()
    return f"127.0.0.1:{other.port}@" in known and "handshake" not in known


# Whole rotations


FUNCTIONS = ["detent-redis-single-user", "detent-redis-dual-password"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_user_that_may_rotates_itself_on_every_server(pair: RedisTarget, name: str) -> None:
    client = SecretsSimulator()
    user = able_user(pair)
    arn = client.create(pair.value(user, OLD))
    former = [client.value(arn)]
    for _ in range(3):
        rotate(arn, client, times=2, function=BUILTIN[name])
        assert pair.alive(client.value(arn))
        assert pair.alive(client.value(arn, "AWSPREVIOUS")) is name.endswith("dual-password")
        assert not any(pair.alive(value) for value in former[:-1])
        former.append(client.value(arn))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_process_killed_before_or_after_any_command_is_healed_by_the_same_steps_again(
    pair: RedisTarget, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = SecretsSimulator()
    arn = client.create(pair.value(able_user(pair), OLD))
    length, burnt_out = 0, False
    while not burnt_out:
        length += 1
        token = client.start_rotation(arn)
        fuse = Fuse(length)
        done = []
        with monkeypatch.context() as patched:
            sending = redis.Connection.send_packed_command
            patched.setattr(redis.Connection, "send_packed_command", fuse.burning(sending))
            try:
                for step in STEPS:
                    run(step, arn, token, client, BUILTIN[name])
                    done.append(step)
                burnt_out = True
            except Killed:
                pass
        assert any(pair.servers[0].logs_in(client.value(arn)["username"], one) for one in passwords(client, arn))
        for step in STEPS[len(done) :]:
            run(step, arn, token, client, BUILTIN[name])
        assert client.secrets[arn].labels["AWSCURRENT"] == token
        assert pair.alive(client.value(arn))
        assert pair.alive(client.value(arn, "AWSPREVIOUS")) is name.endswith("dual-password")
    assert length > 30


def passwords(client: SecretsSimulator, arn: str) -> Iterator[str]:
    for label in ("AWSCURRENT", "AWSPENDING"):
        if client.secrets[arn].versions[client.secrets[arn].labels[label]] is not None:
            yield client.value(arn, label)["password"]


def test_an_admin_secret_that_names_fewer_servers_is_not_used(pair: RedisTarget) -> None:
    client = SecretsSimulator()
    value = pair.new_value()
    pair.create_administrator(f"{value['username']}_admin", "canary-admin-password", over=value["username"])
    admin = pair.value(f"{value['username']}_admin", "canary-admin-password", nodes=[])
    arn = client.create({**value, "masterarn": client.create(admin, name="admin")})
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client, BUILTIN[FUNCTIONS[0]])
    with pytest.raises(StepFailed, match=f"this secret names 127.0.0.1:{pair.servers[1].port} as nodes and the admin"):
        run("setSecret", arn, token, client, BUILTIN[FUNCTIONS[0]])
    assert pair.alive(value)


def test_an_administrator_refuses_servers_that_its_own_secret_does_not_name(pair: RedisTarget) -> None:
    user = able_user(pair)
    pair.create_administrator(f"{user}_admin", "canary-admin-password", over=user)
    with (
        session_of(pair, f"{user}_admin", "canary-admin-password", nodes=[]) as admin,
        pytest.raises(ChangeRefused, match="that the secret does not name"),
    ):
        admin.set_password(user, Password(NEW))
    assert pair.logs_in(user, OLD)
