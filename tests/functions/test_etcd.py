"""What becomes of etcd's tokens and watches, what it writes down, and which users have no password."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from subprocess import run

import pytest

from detent.functions.engines import etcd as engine
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, ProbeFailed
from detent.functions.passwords import Password
from servers.canned import canned_api
from servers.certificates import Certificates
from servers.etcd import EtcdTarget, encoded, start_etcd
from servers.target import OLD

NEW = "canary-new-password"
ADMIN = "canary-admin-password"


@pytest.fixture
def etcd(server_of: Callable[[str], EtcdTarget]) -> EtcdTarget:
    return server_of("etcd")


@pytest.fixture
def own_etcd(certificates: Certificates) -> Iterator[EtcdTarget]:
    """One to be changed as a whole."""
    with ExitStack() as running:
        yield start_etcd(running, certificates)


@pytest.fixture
def jwt_etcd(certificates: Certificates, tmp_path: Path) -> Iterator[EtcdTarget]:
    """One whose tokens are JWTs."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    tokens = f"jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl=10m"
    with ExitStack() as running:
        yield start_etcd(running, certificates, "--auth-token", tokens)


def plenty() -> float:
    return 30.0


def new_user(target: EtcdTarget) -> str:
    name = f"app_{uuid.uuid4().hex[:12]}"
    target.create_user(name, OLD)
    return name


def admin_of(target: EtcdTarget, user: str) -> closing[engine.EtcdSession]:
    target.create_administrator(f"{user}_admin", ADMIN, over=user)
    return closing(engine.connect(target.login(f"{user}_admin", ADMIN), plenty))


def change_under_open_tokens(target: EtcdTarget) -> tuple[str, str]:
    """See a token work, change the password, see the token refused and a watch go on; give what was said, and how."""
    user, server = new_user(target), target.server
    token = server.token(user, OLD)
    with admin_of(target, user) as admin, server.watch(user, server.token(user, OLD)) as watch:
        token = server.token(user, OLD)
        assert server.asked("kv/range", token, key=encoded(user))[0] == 200
        admin.set_password(user, Password(NEW))
        status, told = server.asked("kv/range", token, key=encoded(user))
        assert status != 200
        assert server.asked("kv/put", server.token(user, NEW), key=encoded(user), value=encoded("v"))[0] == 200
        assert watch.next()["events"]
    return user, told["message"]


def test_a_token_ends_with_the_password_and_a_watch_goes_on(etcd: EtcdTarget) -> None:
    user, said = change_under_open_tokens(etcd)
    assert "invalid auth token" in said
    other = new_user(etcd)
    token = etcd.server.token(other, OLD)
    etcd.set_password(user, "third-password")
    assert etcd.server.asked("kv/range", token, key=encoded(other))[0] == 200  # nobody else's ends


def test_with_jwts_the_tokens_of_all_users_end_and_a_watch_goes_on(jwt_etcd: EtcdTarget) -> None:
    user, said = change_under_open_tokens(jwt_etcd)
    assert "revision of auth store is old" in said
    other = new_user(jwt_etcd)
    token = jwt_etcd.server.token(other, OLD)
    jwt_etcd.set_password(user, "third-password")
    status, told = jwt_etcd.server.asked("kv/range", token, key=encoded(other))
    assert (status, "revision of auth store is old" in told["message"]) == (400, True)


def test_a_pair_is_made_and_kept_alike_by_an_admin_whose_token_is_a_jwt(jwt_etcd: EtcdTarget) -> None:
    user = new_user(jwt_etcd)
    with admin_of(jwt_etcd, user) as admin:
        for password in ("first-password", "second-password"):
            admin.clone_user(user, f"{user}_clone", Password(password))
            assert admin.privileges(f"{user}_clone") == admin.privileges(user) == {f"role of {user}", "role probing"}
            assert jwt_etcd.logs_in(f"{user}_clone", password)
            jwt_etcd.grant_more(f"{user}_clone")


def test_this_etcd_keeps_a_new_password_where_the_facts_say(etcd: EtcdTarget) -> None:
    user, password = new_user(etcd), f"canary-{uuid.uuid4().hex}"
    with admin_of(etcd, user) as admin:
        admin.set_password(user, Password(password))
    found = [
        file for file in etcd.server.folder.rglob("*") if file.is_file() and password.encode() in file.read_bytes()
    ]
    assert {file.suffix for file in found} == {".wal"}
    assert "3.4 keeps the clear text in its write-ahead log" in engine.FACTS.server_log


def test_a_server_that_asks_nobody_for_a_password_proves_none(own_etcd: EtcdTarget) -> None:
    user = new_user(own_etcd)
    own_etcd.server.run("auth/disable")
    with pytest.raises(EngineUnavailable, match="etcdctl auth enable"):
        engine.connect(own_etcd.login(user, OLD), plenty)


def test_a_put_is_judged_and_not_done(etcd: EtcdTarget) -> None:
    user = new_user(etcd)
    with closing(engine.connect(etcd.login(user, OLD), plenty)) as session:
        assert session.probe(f"put {user}/x 'a value'") == ["OK"]
        assert session.probe(f"get {user}/x") is None
        with pytest.raises(ProbeFailed, match="permission denied"):
            session.probe("put 'the probe' gone")
        for odd in ("get", "delete x", "get 'x", "put x"):
            with pytest.raises(ProbeFailed, match="neither get KEY nor put KEY VALUE"):
                session.probe(odd)
        etcd.server.run("kv/put", key=encoded(f"{user}/x"), value=encoded("4 2"))
        assert session.probe(f"get {user}/x") == ["4 2"]
        assert session.probe("get 'the probe'") == ["4 2"]


def test_a_user_without_a_password_is_refused(etcd: EtcdTarget) -> None:
    name = f"app_{uuid.uuid4().hex[:12]}"
    etcd.server.run("auth/user/add", name=name, options={"no_password": True})
    with pytest.raises(LoginRejected, match="by a certificate only"):
        engine.connect(etcd.login(name, OLD), plenty)


def test_a_user_that_is_not_there_is_no_source_of_a_clone(etcd: EtcdTarget) -> None:
    user = new_user(etcd)
    with admin_of(etcd, user) as admin, pytest.raises(ChangeRefused, match="no user 'ghost'"):
        admin.clone_user("ghost", "ghost_2", Password(NEW))
    assert not etcd.logs_in("ghost_2", NEW)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, '{"message": "etcdserver: no leader", "code": 14}', "no leader"),
        (404, "Not Found", "not etcd's JSON gateway"),
        (200, "{}", "not etcd's JSON gateway"),
    ],
)
def test_what_is_no_fault_of_the_password_blames_none(etcd: EtcdTarget, status: int, body: str, said: str) -> None:
    with canned_api(status, body) as port, pytest.raises(EngineUnavailable, match=said):
        engine.connect(etcd.login("app", OLD, port=port), plenty)
