"""What only a domain controller does: forms of names, reasons of refusals, rules of the domain, former passwords."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.engines import active_directory
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused, StepFailed
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.stories import STEPS, rotate, run
from servers.active_directory import ActiveDirectoryTarget, entry, short
from servers.certificates import Certificates
from servers.samba_server import REALM
from servers.target import OLD

NEW = "Another-long-password-1"
FUNCTION = BUILTIN["detent-active_directory-single-user"]
Rules = Callable[..., None]


@pytest.fixture
def domain(server_of: Callable[[str], ActiveDirectoryTarget]) -> ActiveDirectoryTarget:
    return server_of("active_directory")


@pytest.fixture
def rules(domain: ActiveDirectoryTarget) -> Iterator[Rules]:
    """Set rules of the domain, until the end of the test."""

    def setting(**wanted: str) -> None:
        words = [f"--{name.replace('_', '-')}={text}" for name, text in wanted.items()]
        domain.server.command("domain", "passwordsettings", "set", *words)

    yield setting
    setting(complexity="off", min_pwd_length="0", min_pwd_age="0", history_length="0")


def session(target: ActiveDirectoryTarget, user: str, password: str = OLD, **settings: Any) -> Any:
    return closing(active_directory.connect(target.login(user, password, **settings), lambda: 30.0))


def new_user(target: ActiveDirectoryTarget) -> str:
    return str(target.new_value()["username"])


def new_admin(target: ActiveDirectoryTarget, user: str) -> str:
    target.create_administrator(f"{user}_admin", "admin-password", over=user)
    return f"{user}_admin"


@pytest.mark.parametrize("form", ["{short}@{realm}", "{short}@REALM", "own-{short}@elsewhere.example", "{entry}"])
def test_a_user_rotates_itself_by_any_name_that_binds(domain: ActiveDirectoryTarget, form: str) -> None:
    user = new_user(domain)
    name = form.format(short=short(user), realm=REALM, entry=entry(user)).replace("REALM", REALM.upper())
    if name.startswith("own-"):
        domain.change(user, userPrincipalName=name)
    client = SecretsSimulator()
    arn = client.create(domain.value(name, OLD))
    for _ in range(2):
        rotate(arn, client, times=2, function=FUNCTION)
        assert domain.logs_in(user, client.value(arn)["password"])
        assert not domain.logs_in(user, client.value(arn, "AWSPREVIOUS")["password"])


def test_only_an_account_of_this_domain_and_of_the_very_name_is_changed(domain: ActiveDirectoryTarget) -> None:
    user = new_user(domain)
    with session(domain, new_admin(domain, user), "admin-password") as admin:
        for other in (
            f"OTHER\\{short(user)}",
            f"{short(user)}@other.example",
            f"{user}*",
            "DETENT\\*",
            "*@detent.test",
        ):
            with pytest.raises(ChangeRefused, match="there is no account"):
                admin.set_password(other, Password(NEW))
        with pytest.raises(ChangeRefused, match="there is no entry"):
            admin.set_password(entry(f"{user}x"), Password(NEW))
    assert domain.logs_in(user, OLD)


def test_ldaps_is_spoken_where_the_secret_says_so(domain: ActiveDirectoryTarget, certificates: Certificates) -> None:
    place = {"host": "localhost", "port": domain.server.ldaps_relay.port, "ldaps": True}
    user = new_user(domain)
    with session(domain, user, sslrootcert=certificates.ca, **place) as verified:
        verified.change_own_password(Password(NEW))
    assert domain.logs_in(user, NEW)
    with pytest.raises(EngineUnavailable, match="certificate was not accepted"):
        active_directory.connect(domain.login(user, NEW, sslrootcert=certificates.stranger, **place), lambda: 30.0)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"userAccountControl": "514"}, "the account is disabled"),
        ({"pwdLastSet": "0"}, "must change its password at the next logon"),
        ({"accountExpires": "1"}, "the account has expired"),
    ],
)
def test_a_refused_login_says_what_the_controller_says(
    domain: ActiveDirectoryTarget, attributes: dict[str, str], said: str
) -> None:
    user = new_user(domain)
    domain.change(user, **attributes)
    with pytest.raises(LoginRejected, match=said):
        active_directory.connect(domain.login(user, OLD), lambda: 30.0)


def test_the_domains_rules_are_read_before_a_password_is_made(domain: ActiveDirectoryTarget, rules: Rules) -> None:
    user = new_user(domain)
    admin_name = new_admin(domain, user)
    rules(complexity="on", min_pwd_length="14")
    domain.set_password(user, NEW)
    with session(domain, user, NEW) as own:
        policy = own.password_policy()
        assert (policy.length, policy.digits, policy.uppercase, policy.lowercase) == (14, 1, 1, 1)
        for poor in ("Short-1", "no-capitals-in-it-at-all"):
            with pytest.raises(PasswordRefused, match=r"turned the new password of .* down"):
                own.change_own_password(Password(poor))
    with session(domain, admin_name, "admin-password") as admin, pytest.raises(PasswordRefused):
        admin.set_password(user, Password("Short-1"))
    client = SecretsSimulator()
    arn = client.create(domain.value(user, NEW))
    rotate(arn, client, function=FUNCTION)
    assert domain.alive(client.value(arn))


@pytest.mark.parametrize("rule", [{"min_pwd_age": "1"}, {"history_length": "5"}])
def test_what_age_and_history_forbid_the_user_an_admin_does(
    domain: ActiveDirectoryTarget, rules: Rules, rule: dict[str, str]
) -> None:
    user, wanted = new_user(domain), Password(NEW)
    admin = new_admin(domain, user)
    rules(**rule)
    domain.set_password(user, NEW)
    domain.set_password(user, OLD)
    with session(domain, user) as own, pytest.raises(ChangeRefused, match="an admin secret's user may"):
        own.change_own_password(wanted)
    with session(domain, admin, "admin-password") as other:
        other.set_password(user, wanted)
        other.set_password(user, wanted)
    assert domain.logs_in(user, NEW)


@pytest.fixture
def lenient(domain: ActiveDirectoryTarget, rules: Rules) -> Iterator[ActiveDirectoryTarget]:
    """The controller as it is unless somebody sets it otherwise: a former password binds for an hour."""
    rules(history_length="5")  # it knows former passwords by their history
    domain.server.start(old_password_minutes=60)
    yield domain
    domain.server.start()


def test_a_former_password_that_still_binds_does_not_spoil_a_rotation(lenient: ActiveDirectoryTarget) -> None:
    user, client = new_user(lenient), SecretsSimulator()
    arn = client.create(lenient.value(user, OLD))
    for _ in range(2):
        rotate(arn, client, times=2, function=FUNCTION)
        assert lenient.logs_in(user, client.value(arn, "AWSPREVIOUS")["password"])  # the hour has begun
    token = client.start_rotation(arn)
    for step in STEPS:
        run(step, arn, token, client, FUNCTION)
    former = client.value(arn, "AWSPREVIOUS")["password"]
    with session(lenient, user, former) as late, pytest.raises(ChangeRefused, match="by a former password"):
        late.change_own_password(Password(NEW))
    assert lenient.alive(client.value(arn))


@pytest.mark.parametrize("with_admin", [True, False])
def test_a_roll_back_is_not_deceived_by_a_former_password_that_still_binds(
    lenient: ActiveDirectoryTarget, with_admin: bool
) -> None:
    user, client = new_user(lenient), SecretsSimulator()
    link = client.create(lenient.value(new_admin(lenient, user), "admin-password"), name="admin")
    arn = client.create(lenient.value(user, OLD, **({"masterarn": link} if with_admin else {})))
    rotate(arn, client, function=FUNCTION)
    token, current = client.start_rotation(arn), client.secrets[arn].labels["AWSCURRENT"]
    for step in STEPS[:2]:
        run(step, arn, token, client, FUNCTION)
    assert lenient.alive(client.value(arn))  # by the hour's grace
    if not with_admin:
        with pytest.raises(StepFailed, match="has had it before"):
            run("rollbackSecret", arn, current, client, FUNCTION)
        return
    for _ in range(2):
        run("rollbackSecret", arn, current, client, FUNCTION)
    lenient.server.start()
    assert lenient.alive(client.value(arn))
    assert not lenient.alive(client.value(arn, "AWSPENDING"))
