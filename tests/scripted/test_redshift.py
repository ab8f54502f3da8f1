"""What only Redshift does: what it is sent of a password, what of TLS its driver knows, roles and groups."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from detent.functions.engines import engine_named
from detent.functions.engines.redshift.session import RedshiftSession
from detent.functions.errors import ChangeRefused
from detent.functions.passwords import Password
from scripted.redshift import RedshiftTarget
from servers.target import OLD


@pytest.fixture
def redshift(scripted: Callable[[str], Any]) -> RedshiftTarget:
    target = scripted("redshift")
    assert isinstance(target, RedshiftTarget)
    return target


def connect(target: RedshiftTarget, user: str, password: str, **settings: Any) -> RedshiftSession:
    session = target.module.connect(target.login(user, password, **settings), lambda: 30.0)
    assert isinstance(session, RedshiftSession)
    return session


def test_no_two_hashes_of_a_password_are_the_same(redshift: RedshiftTarget) -> None:
    redshift.create_user("app", OLD)
    with closing(connect(redshift, "app", OLD)) as session:
        for _ in range(2):
            session.change_own_password(Password("new"))
    sent = [statement for statement in redshift.server.asked if "PASSWORD" in statement]
    assert len(set(sent)) == 2
    assert redshift.logs_in("app", "new")


def test_direct_rights_are_told_and_keep_a_pair_from_being_alike(redshift: RedshiftTarget) -> None:
    redshift.create_user("app", OLD)
    redshift.server.accounts["app"].rights.add("SELECT on public.t")
    with closing(connect(redshift, "app", OLD)) as session:
        assert session.privileges("app") == {"SELECT on public.t"}


def test_groups_need_a_superuser_and_the_refusal_says_so(redshift: RedshiftTarget) -> None:
    redshift.create_user("app", OLD)
    redshift.server.accounts["app"].rights.add("group readers")
    redshift.create_administrator("rotator", "admin-password", over="app")
    with closing(connect(redshift, "rotator", "admin-password")) as admin:
        with pytest.raises(ChangeRefused, match="by a superuser only"):
            admin.clone_user("app", "app_clone", Password("clone"))
        redshift.server.accounts["rotator"].settings["super"] = True
        admin.clone_user("app", "app_clone", Password("clone"))
    assert redshift.server.accounts["app_clone"].rights == {"group readers"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"super": True}, "is a superuser"), ({"expired": True}, "VALID UNTIL 'infinity'")],
)
def test_who_is_not_cloned_is_told_why(redshift: RedshiftTarget, settings: dict[str, bool], said: str) -> None:
    redshift.server.create("app", OLD, **settings)
    redshift.create_administrator("rotator", "admin-password", over="app")
    with closing(connect(redshift, "rotator", "admin-password")) as admin, pytest.raises(ChangeRefused, match=said):
        admin.clone_user("app", "app_clone", Password("clone"))


@pytest.mark.parametrize(
    ("settings", "ssl", "mode", "host"),
    [
        ({}, True, "verify-ca", "127.0.0.1"),  # a tunnel ends here
        ({"ssl": False}, False, "verify-ca", "127.0.0.1"),
        ({"ssl": True, "host": "localhost"}, True, "verify-full", "localhost"),
        ({"sslmode": "verify-ca", "host": "localhost"}, True, "verify-ca", "127.0.0.1"),
    ],
)
def test_the_driver_verifies_the_name_or_is_given_the_address(
    redshift: RedshiftTarget, settings: dict[str, Any], ssl: bool, mode: str, host: str
) -> None:
    redshift.create_user("app", OLD)
    connect(redshift, "app", OLD, **settings).close()
    given = redshift.server.logins[-1]
    assert (given["ssl"], given["sslmode"], given["host"]) == (ssl, mode, host)


def test_what_its_driver_does_not_know_of_tls_is_a_fault() -> None:
    faults = engine_named("redshift").faults({"sslmode": "require", "sslrootcert": "-----BEGIN CERTIFICATE-----"})
    assert [text.split(" ")[0] for text in faults] == ['"sslmode"', '"sslrootcert"']
