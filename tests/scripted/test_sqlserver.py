"""What only SQL Server does: the password of the connection that worked, contained users; and FreeTDS's settings."""

import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from detent.functions.engines.sqlserver.session import SqlserverSession
from detent.functions.errors import ChangeRefused, EngineUnavailable
from detent.functions.passwords import Password
from scripted.sqlserver import SqlserverTarget
from servers.certificates import Certificates
from servers.target import OLD


@pytest.fixture
def sqlserver(scripted: Callable[[str], Any]) -> SqlserverTarget:
    target = scripted("sqlserver")
    assert isinstance(target, SqlserverTarget)
    return target


def connect(target: SqlserverTarget, user: str, password: str, **settings: Any) -> SqlserverSession:
    session = target.module.connect(target.login(user, password, **settings), lambda: 30.0)
    assert isinstance(session, SqlserverSession)
    return session


def changes(target: SqlserverTarget) -> list[str]:
    return [statement for statement in target.server.asked if statement.startswith("ALTER")]


def test_an_own_change_tells_the_password_of_this_connection(sqlserver: SqlserverTarget) -> None:
    sqlserver.create_user("app", OLD)
    with closing(connect(sqlserver, "app", OLD)) as session:
        session.change_own_password(Password("it's new"))
        session.change_own_password(Password("newer"))
    assert changes(sqlserver) == [
        f"ALTER LOGIN [app] WITH PASSWORD = N'it''s new' OLD_PASSWORD = N'{OLD}'",
        "ALTER LOGIN [app] WITH PASSWORD = N'newer' OLD_PASSWORD = N'it''s new'",
    ]


def test_a_user_whose_password_the_database_keeps_is_altered_there(sqlserver: SqlserverTarget) -> None:
    sqlserver.server.create("app", OLD, "role readers", user="app", contained=True)
    sqlserver.create_administrator("rotator", "admin-password", over="app")
    with closing(connect(sqlserver, "app", OLD)) as own:
        own.change_own_password(Password("new"))
    with closing(connect(sqlserver, "rotator", "admin-password")) as admin:
        admin.set_password("app", Password("newer"))
        for _ in range(2):
            admin.clone_user("app", "app_clone", Password("clone"))
    assert [statement.split(" [")[0] for statement in changes(sqlserver)[:2]] == ["ALTER USER", "ALTER USER"]
    clone = sqlserver.server.accounts["app_clone"]
    assert clone.settings["contained"]
    assert clone.rights == {"role readers"}
    assert sqlserver.logs_in("app_clone", "clone")


def test_a_clone_has_the_options_the_schema_and_the_roles_of_both_kinds(sqlserver: SqlserverTarget) -> None:
    sqlserver.create_user("app", OLD)
    sqlserver.grant_something("app")
    sqlserver.create_administrator("rotator", "admin-password", over="app")
    with closing(connect(sqlserver, "rotator", "admin-password")) as admin:
        admin.clone_user("app", "app_clone", Password("clone"))
        original, clone = (sqlserver.server.accounts[name] for name in ("app", "app_clone"))
        assert clone.rights == original.rights
        assert clone.settings == {**original.settings, "user": "app_clone"}
        original.settings.update(schema="other", options=("master", "us_english", True, True))
        admin.clone_user("app", "app_clone", Password("clone"))
        assert clone.settings == {**original.settings, "user": "app_clone"}


def test_a_disabled_login_is_refused_with_the_cure(sqlserver: SqlserverTarget) -> None:
    sqlserver.server.create("app", OLD, disabled=True)
    sqlserver.create_administrator("rotator", "admin-password", over="app")
    with (
        closing(connect(sqlserver, "rotator", "admin-password")) as admin,
        pytest.raises(ChangeRefused, match="ENABLE"),
    ):
        admin.set_password("app", Password("new"))


@pytest.mark.parametrize(
    ("settings", "encryption"),
    [({}, "request"), ({"ssl": False}, "off"), ({"ssl": True}, "require"), ({"sslmode": "require"}, "require")],
)
def test_the_driver_is_told_how_to_encrypt(sqlserver: SqlserverTarget, settings: Any, encryption: str) -> None:
    sqlserver.create_user("app", OLD)
    connect(sqlserver, "app", OLD, **settings).close()
    assert sqlserver.server.logins[-1]["encryption"] == encryption
    assert sqlserver.server.logins[-1]["server"] == "127.0.0.1"


def test_freetds_takes_the_settings_that_verify_and_forgets_them(
    sqlserver: SqlserverTarget, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TDSDUMP", str(tmp_path / "dump"))
    monkeypatch.delenv("FREETDSCONF", raising=False)
    sqlserver.create_user("app", OLD)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        settings = {"port": held.getsockname()[1], "sslrootcert": certificates.ca, "ssl": True}
        with pytest.raises(EngineUnavailable, match="nothing listens"):
            connect(sqlserver, "app", OLD, **settings)
    dump = (tmp_path / "dump").read_text(errors="replace")
    assert "check certificate hostname" in dump
    assert "certificate hostname" in dump
    assert "ca file" in dump
    assert OLD not in dump
    assert "FREETDSCONF" not in os.environ
