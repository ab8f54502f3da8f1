"""What only a directory does: StartTLS and LDAPS, stored forms of passwords, access rules, referrals."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.engines import ldap
from detent.functions.engines.ldap.hashes import is_of, stored_form
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, StepFailed
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.stories import STEPS, rotate, run
from servers.canned_port import answering
from servers.certificates import Certificates
from servers.ldap import LdapTarget, hashed, start_ldap
from servers.target import OLD

STRATEGIES = ("single-user", "dual-password")


@pytest.fixture
def directory(server_of: Callable[[str], LdapTarget]) -> LdapTarget:
    return server_of("ldap-tls")


@pytest.fixture(scope="module")
def plain(certificates: Certificates) -> Iterator[LdapTarget]:
    with ExitStack() as running:
        yield start_ldap(running, certificates, "plain")


def plenty() -> float:
    return 30.0


def session(target: LdapTarget, user: str, password: str = OLD, **settings: Any) -> Any:
    return closing(ldap.connect(target.login(user, password, **settings), plenty))


def new_user(target: LdapTarget) -> str:
    return str(target.new_value()["username"])


def refused(target: LdapTarget, **settings: Any) -> str:
    with pytest.raises(EngineUnavailable) as caught:
        ldap.connect(target.login(new_user(target), OLD, **settings), plenty)
    return str(caught.value)


def test_ldaps_is_spoken_on_its_ports_and_where_the_secret_says_so(
    directory: LdapTarget, certificates: Certificates
) -> None:
    place = {"host": "localhost", "port": directory.server.ldaps_port, "sslrootcert": certificates.ca}
    with session(directory, new_user(directory), ldaps=True, **place) as verified:
        verified.ping()
    assert "certificate was not accepted" in refused(
        directory, ldaps=True, **{**place, "sslrootcert": certificates.stranger}
    )
    assert "another name" in refused(directory, ldaps=True, **{**place, "host": "127.0.0.1"})
    assert "lost" in refused(directory, ldaps=False, **place)
    assert "TLS" in refused(directory, ldaps=True, **{**place, "port": directory.server.port})


def test_a_directory_without_tls_is_refused_by_whoever_asks_for_it_and_no_password_is_sent(
    plain: LdapTarget, certificates: Certificates
) -> None:
    for wish in ({"ssl": True}, {"sslmode": "require"}, {"sslrootcert": certificates.ca}):
        assert "offers no TLS" in refused(plain, host="localhost", **wish)
    assert 'BIND dn="cn=app_' not in plain.log_text()
    with session(plain, new_user(plain)) as on_loopback:
        on_loopback.ping()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_user_rotates_itself_by_the_rule_that_the_facts_name(directory: LdapTarget, strategy: str) -> None:
    user, client = new_user(directory), SecretsSimulator()
    arn = client.create(directory.value(user, OLD))
    with pytest.raises(Exception, match=r"by self .* by anonymous auth; or name an admin secret"):
        rotate(arn, client, function=BUILTIN[f"detent-ldap-{strategy}"])
    directory.let_change_itself(user, strategy)
    for _ in range(3):
        rotate(arn, client, function=BUILTIN[f"detent-ldap-{strategy}"], times=2)
        assert directory.alive(client.value(arn))
        assert directory.alive(client.value(arn, "AWSPREVIOUS")) is (strategy == "dual-password")
    assert len(directory.server.values(user)) == (2 if strategy == "dual-password" else 1)


def test_the_least_rights_of_an_admin_for_a_single_password_show_it_no_hash(directory: LdapTarget) -> None:
    user = new_user(directory)
    directory.create_administrator(f"{user}_admin", "admin-password", over=user, strategy="single-user")
    with session(directory, f"{user}_admin", "admin-password") as admin:
        admin.set_password(user, Password("new-password"))
        with pytest.raises(ChangeRefused, match=f'to dn.base="{user}" .* by dn.base="{user}_admin" write'):
            admin.add_password(user, Password("second-password"))
    assert directory.logs_in(user, "new-password")


def test_values_of_other_passwords_are_deleted_and_that_of_a_kept_one_stands_as_it_is(directory: LdapTarget) -> None:
    user = new_user(directory)
    strong = hashed("kept", "SSHA512", "sha512")
    others = [
        hashed("a"),
        hashed("b", "SSHA256", "sha256"),
        "in the clear",
        "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=",
        "{X}y",
    ]
    directory.server.change(user, userPassword=[*others, strong])
    directory.let_change_itself(user)
    with session(directory, user, "kept") as own:
        own.retire_passwords(user, [Password("kept")])
        assert directory.server.values(user) == [strong.encode()]
        own.add_password(user, Password("kept"))
        assert directory.server.values(user) == [strong.encode()]


def test_a_kept_password_of_a_scheme_that_cannot_be_told_gets_a_value_that_can(directory: LdapTarget) -> None:
    user = new_user(directory)
    made = subprocess.run(
        ["openssl", "passwd", "-6", "kept"], capture_output=True, text=True, check=True
    ).stdout.strip()
    directory.server.change(user, userPassword=[f"{{CRYPT}}{made}", hashed("other")])
    directory.let_change_itself(user)
    with session(directory, user, "kept") as own:
        own.retire_passwords(user, [Password("kept")])
    assert directory.logs_in(user, "kept")
    assert not directory.logs_in(user, "other")
    assert [value[:6] for value in directory.server.values(user)] == [b"{SSHA}"]


@pytest.mark.parametrize("broken", ["{SSHA}", "{SSHA}no base64!", "{SSHA", "{ssha}AAAA", "{NEW}abc", ""])
def test_a_stored_value_that_is_broken_is_of_no_password(broken: str) -> None:
    assert not is_of(broken.encode(), Password("any"))


def test_no_two_stored_forms_of_a_password_are_the_same() -> None:
    assert stored_form(Password("one")) != stored_form(Password("one"))


def test_a_referral_is_told_and_not_followed(directory: LdapTarget) -> None:
    user = new_user(directory)
    elsewhere = f"cn=elsewhere,{user}"
    with directory.server.session() as root:
        root.add(elsewhere, ["referral", "extensibleObject"], {"ref": "ldap://127.0.0.1:1/cn=there"}, [MANAGE])
        assert root.result["result"] == 0, root.result
    with session(directory, user) as own, pytest.raises(ChangeRefused, match="refers to another one"):
        own.add_password(elsewhere, Password("new-password"))


def test_a_login_by_no_password_is_never_one(directory: LdapTarget) -> None:
    login = replace(directory.login(new_user(directory), OLD), password=Password(""))
    with pytest.raises((LoginRejected, EngineUnavailable)):
        ldap.connect(login, plenty)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x03\x02\x01", b"0\x80\x00" * 9])
def test_what_is_no_directory_is_an_unavailable_engine(directory: LdapTarget, said: bytes) -> None:
    with answering(said) as port, pytest.raises(EngineUnavailable, match=r"lost|LDAP|no answer"):
        ldap.connect(directory.login("cn=app", OLD, port=port, ssl=False), lambda: 2.0)


def test_a_password_becomes_current_only_when_every_replica_takes_it(directory: LdapTarget, plain: LdapTarget) -> None:
    user, client = new_user(directory), SecretsSimulator()
    directory.let_change_itself(user)
    plain.create_user(user, OLD)
    places = [f"127.0.0.1:{target.server.port}" for target in (directory, plain)]
    arn = client.create(directory.value(user, OLD, replicas=places))
    token = client.start_rotation(arn)
    for step in STEPS[:2]:
        run(step, arn, token, client, BUILTIN["detent-ldap-dual-password"])
    with pytest.raises(StepFailed, match=f"the replica {places[1]}: it does not take the password yet"):
        run("testSecret", arn, token, client, BUILTIN["detent-ldap-dual-password"])
    plain.set_password(user, client.value(arn, "AWSPENDING")["password"])
    for step in STEPS[2:]:
        run(step, arn, token, client, BUILTIN["detent-ldap-dual-password"])
    login = directory.login(user, client.value(arn)["password"], replicas=["127.0.0.1:1"])
    with closing(ldap.connect(login, plenty)) as own, pytest.raises(EngineUnavailable, match=r":1: unreachable"):
        own.ping()


@pytest.mark.parametrize("odd", ["ldap-2:389", ["ldap-2"], ["ldap-2:0"], [389], ["a b:389"]])
def test_replicas_are_named_by_host_and_port(odd: Any) -> None:
    assert "replicas" in ldap.faults({"username": "cn=app", "replicas": odd})[0]
    assert ldap.faults({"username": "cn=app", "replicas": ["ldap-2.example.com:389", "[::1]:636"]}) == []


def test_what_is_wrong_with_the_keys_is_told_together() -> None:
    found = ldap.faults({"username": "app", "ldaps": "yes", "ssl": "maybe"})
    assert [fault.split(" ")[0] for fault in found] == ['"username"', '"ldaps"', '"ssl"']
    assert "'app'" in found[0]


MANAGE = ("2.16.840.1.113730.3.4.2", True, None)  # RFC 3296: the entry itself is meant, and not where it leads
