"""What Redis's users may be, what they may do, and whether a change outlives the server."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from detent.functions.engines import redis as engine
from detent.functions.engines.redis.failures import Refusal
from detent.functions.engines.redis.session import RIGHTS, RedisSession
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, ProbeFailed
from detent.functions.passwords import Password
from servers.redis import PASSWORD as DEFAULT
from servers.redis import RedisTarget, ThrowawayRedis, require_redis
from servers.target import OLD

NEW = "canary-new-password"


@pytest.fixture
def alone(server_of: Callable[[str], RedisTarget]) -> RedisTarget:
    return server_of("redis-alone")


@pytest.fixture
def user(alone: RedisTarget) -> str:
    return new_user(alone)


def new_user(target: RedisTarget, *rules: str) -> str:
    name = f"app_{uuid.uuid4().hex[:12]}"
    target.create_user(name, OLD)
    target.run("ACL", "SETUSER", name, *rules)
    return name


def plenty() -> float:
    return 30.0


def session_of(target: RedisTarget, user: str, password: str = OLD, **settings: Any) -> closing[RedisSession]:
    return closing(engine.connect(target.login(user, password, **settings), plenty))


def admin_of(target: RedisTarget, user: str) -> closing[RedisSession]:
    target.create_administrator(f"{user}_admin", "canary-admin-password", over=user)
    return session_of(target, f"{user}_admin", "canary-admin-password")


# What a user may be


@pytest.mark.parametrize("rights", [(), ("+acl|getuser",)], ids=["not reading itself", "reading itself"])
def test_a_user_that_any_password_lets_in_is_refused_at_the_login(alone: RedisTarget, rights: tuple[str, ...]) -> None:
    name = new_user(alone, "nopass", *rights)
    with pytest.raises(EngineUnavailable, match="any password"):
        engine.connect(alone.login(name, OLD), plenty)


def test_an_administrator_gives_no_password_to_a_user_whom_any_lets_in(alone: RedisTarget) -> None:
    name = new_user(alone, "nopass")
    with admin_of(alone, name) as session, pytest.raises(ChangeRefused, match="any password"):
        session.set_password(name, Password(NEW))


def test_a_user_that_is_off_is_rejected_and_no_new_password_is_given_to_it(alone: RedisTarget) -> None:
    name = new_user(alone, "off")
    with pytest.raises(LoginRejected, match="may not log in"):
        engine.connect(alone.login(name, OLD), plenty)
    with (
        admin_of(alone, name) as session,
        pytest.raises(ChangeRefused, match=f"may not log in .*ACL SETUSER {name} on"),
    ):
        session.set_password(name, Password(NEW))


@pytest.mark.parametrize("verb", ["set_password", "add_password"])
def test_a_user_that_is_not_there_is_never_made(alone: RedisTarget, user: str, verb: str) -> None:
    with admin_of(alone, user) as session, pytest.raises(ChangeRefused, match="there is no user"):
        getattr(session, verb)("nobody_knows_me", Password(NEW))
    assert alone.servers[0].run("ACL", "GETUSER", "nobody_knows_me") is None


def test_the_server_keeps_exactly_the_hashes_that_it_should(alone: RedisTarget, user: str) -> None:
    def kept() -> set[str]:
        return {one.decode() for one in alone.servers[0].run("ACL", "GETUSER", user)[3]}

    alone.run("ACL", "SETUSER", user, ">older", ">oldest")
    assert len(kept()) == 3
    with admin_of(alone, user) as session:
        session.retire_passwords(user, [Password(OLD), Password("never set")])
        assert kept() == hashed(OLD)
        session.add_password(user, Password(NEW))
        assert kept() == hashed(OLD, NEW)
        alone.run("ACL", "SETUSER", user, ">by hand")
        session.set_password(user, Password(NEW))
        assert kept() == hashed(NEW)


def hashed(*passwords: str) -> set[str]:
    return {hashlib.sha256(password.encode()).hexdigest() for password in passwords}


def test_what_the_server_quotes_of_a_rule_leaves_without_the_hash() -> None:
    digest = hashlib.sha256(b"canary").hexdigest()
    assert digest not in str(Refusal(f"Error in ACL SETUSER modifier '!{digest}'", "here", forbidden=False))


# What a user may do


@pytest.mark.parametrize("right", RIGHTS.split())
def test_a_right_that_lacks_is_named_before_anything_is_changed(alone: RedisTarget, right: str) -> None:
    name = new_user(alone, *(one for one in RIGHTS.split() if one != right))
    with session_of(alone, name) as session, pytest.raises(ChangeRefused, match=r"ACL SETUSER .* \+acl\|setuser"):
        session.change_own_password(Password(NEW))
    assert alone.logs_in(name, OLD)
    assert not alone.logs_in(name, NEW)


def test_a_user_that_may_not_ping_is_proven_by_its_login(alone: RedisTarget) -> None:
    name = new_user(alone, "-ping")
    with session_of(alone, name) as session:
        session.ping()


def test_who_may_set_users_can_take_all_rights_as_the_refusal_says(alone: RedisTarget, user: str) -> None:
    alone.let_change_itself(user)
    with session_of(alone, user) as session:
        with pytest.raises(ProbeFailed):
            session.probe("CONFIG GET port")
        assert session.probe(f"ACL SETUSER {user} +@all") == ["OK"]
        assert session.probe("CONFIG GET port") == ["port", str(alone.servers[0].port)]


# Databases and probes


def test_the_database_of_the_secret_is_the_one_in_which_probes_run(alone: RedisTarget, user: str) -> None:
    with session_of(alone, user, dbname="3") as session:
        session.probe("SET app:where third")
        assert session.probe("GET app:where") == ["third"]
    with session_of(alone, user, dbname=0) as session:
        assert session.probe("GET app:where") == [None]


def test_a_user_that_may_not_choose_a_database_is_told_so(alone: RedisTarget) -> None:
    name = new_user(alone, "-select")
    with pytest.raises(EngineUnavailable, match='may not choose a database: take "dbname" out'):
        engine.connect(alone.login(name, OLD, dbname=3), plenty)
    with session_of(alone, name) as session:
        session.ping()


def test_a_list_is_a_row_and_a_probe_that_is_no_command_says_so(alone: RedisTarget, user: str) -> None:
    with session_of(alone, user) as session:
        session.probe("RPUSH app:list 'a b' c")
        assert session.probe("LRANGE app:list 0 -1") == ["a b", "c"]
        for odd in ("GET 'app:list", "''", "' ' x"):
            with pytest.raises(ProbeFailed, match="no command line"):
                session.probe(odd)
        with pytest.raises(ProbeFailed, match="unknown command"):
            session.probe("NONSENSE")
        assert session.probe("EXISTS app:list") == [1]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"dbname": "none"}, '"dbname" must be a number'),
        ({"dbname": True}, '"dbname" must be a number'),
        ({"dbname": -1}, '"dbname" must be a number'),
        ({"persist": "no"}, '"persist" must be true or false'),
        ({"ssl": "perhaps"}, '"ssl" must be true or false'),
        *(
            ({"nodes": nodes}, '"nodes" must be a list')
            for nodes in ("a:1", ["a"], [":1"], ["a:0"], ["a:65536"], ["a:b"], [1])
        ),
    ],
)
def test_a_key_that_is_not_usable_is_told(settings: dict[str, Any], fault: str) -> None:
    assert [found for found in engine.faults({**engine.FACTS.example, **settings}) if fault in found]


@pytest.mark.parametrize("settings", [{"dbname": 15}, {"dbname": "15"}, {"nodes": ["[::1]:1", "a.b:65535"]}])
def test_a_key_that_is_usable_is_not(settings: dict[str, Any]) -> None:
    assert engine.faults({**engine.FACTS.example, **settings}) == []


# The connection


def test_a_server_that_takes_no_more_clients_blames_no_password(alone: RedisTarget, user: str) -> None:
    [server] = alone.servers
    with server.client() as client:  # the one that is let in
        [_, most] = client.execute_command("CONFIG", "GET", "maxclients")
        client.execute_command("CONFIG", "SET", "maxclients", "1")
        try:
            with pytest.raises(EngineUnavailable, match="too many connections"):
                engine.connect(alone.login(user, OLD), plenty)
        finally:
            client.execute_command("CONFIG", "SET", "maxclients", most)


def test_a_server_without_tls_is_told_from_one_that_does_not_answer() -> None:
    require_redis()
    with ThrowawayRedis() as server:
        target = RedisTarget(server, monitored=[], tls_port=server.port)
        with pytest.raises(EngineUnavailable, match=r'offers no TLS: .*"ssl": false') as caught:
            engine.connect(target.login(new_user(target), OLD, ssl=True), lambda: 1.5)
        assert caught.value.mode == "verify-full"


# What outlives the server


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[RedisTarget]:
    require_redis()
    with ThrowawayRedis(**request.param) as server:
        yield RedisTarget(server, monitored=[], tls_port=0)


KEPT_IN_CONF = {"aclfile": False, "conf": True, "requirepass": DEFAULT}
NOT_KEPT = {"aclfile": False, "requirepass": DEFAULT}


@pytest.mark.parametrize("server", [{}, KEPT_IN_CONF], ids=["aclfile", "redis.conf"], indirect=True)
def test_after_a_restart_the_new_password_works_and_the_former_does_not_come_back(server: RedisTarget) -> None:
    name = new_user(server, *RIGHTS.split(), "+config|rewrite")
    with session_of(server, name) as session:
        session.change_own_password(Password(NEW))
    server.servers[0].restart()
    assert server.logs_in(name, NEW)
    assert not server.logs_in(name, OLD)


@pytest.mark.parametrize("server", [{}, KEPT_IN_CONF], ids=["aclfile", "redis.conf"], indirect=True)
def test_the_default_user_is_a_user_like_any_other(server: RedisTarget) -> None:
    with session_of(server, "default", DEFAULT) as session:
        session.add_password("default", Password(NEW))
        assert server.logs_in("default", DEFAULT)
        session.change_own_password(Password(NEW))
    server.servers[0].password = NEW
    server.servers[0].restart()
    assert server.logs_in("default", NEW)
    assert not server.logs_in("default", DEFAULT)


@pytest.mark.parametrize("server", [KEPT_IN_CONF], ids=["redis.conf"], indirect=True)
def test_where_users_are_kept_in_redis_conf_the_right_to_write_it_is_named(server: RedisTarget) -> None:
    name = new_user(server, *RIGHTS.split())
    with session_of(server, name) as session, pytest.raises(ChangeRefused, match=r"\+config\|rewrite"):
        session.change_own_password(Password(NEW))
    assert server.logs_in(name, OLD)


@pytest.mark.parametrize("server", [NOT_KEPT], ids=["nowhere"], indirect=True)
def test_a_change_that_cannot_be_kept_is_not_made_unless_the_secret_says_so(server: RedisTarget) -> None:
    name = new_user(server, *RIGHTS.split(), "+config|rewrite")
    with session_of(server, name) as session, pytest.raises(ChangeRefused, match=r'neither an aclfile .*"persist": f'):
        session.change_own_password(Password(NEW))
    assert server.logs_in(name, OLD)
    with session_of(server, name, persist=False) as session:
        session.change_own_password(Password(NEW))
    assert server.logs_in(name, NEW)


@pytest.mark.parametrize("server", [{}], ids=["aclfile"], indirect=True)
def test_an_aclfile_that_cannot_be_written_stops_the_change_before_it_is_made(server: RedisTarget) -> None:
    name = new_user(server, *RIGHTS.split())
    aclfile: Path = server.servers[0].aclfile
    aclfile.unlink()
    aclfile.mkdir()
    with session_of(server, name) as session, pytest.raises(ChangeRefused, match="error trying to save the ACLs"):
        session.change_own_password(Password(NEW))
    assert server.logs_in(name, OLD)
    assert not server.logs_in(name, NEW)
