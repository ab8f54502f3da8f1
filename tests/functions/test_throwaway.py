"""The throwaway PostgreSQL: real, private, and gone afterwards."""

import os
import shutil
from pathlib import Path

import psycopg
import pytest

from detent.cli import throwaway
from detent.cli.throwaway import PostgresBinaries, ServerNotStarted, ThrowawayPostgres
from servers.postgres import PostgresTarget, postgres_binaries


@pytest.fixture(params=["system", "wheel"])
def binaries(request: pytest.FixtureRequest) -> PostgresBinaries:
    return postgres_binaries(request.param)


def test_it_serves_on_loopback_and_is_gone_afterwards(binaries: PostgresBinaries) -> None:
    with ThrowawayPostgres(binaries) as server:
        with server.connect() as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert connection.info.server_version // 10000 == server.version == binaries.version
        folder = server.log_path.parent
        pid = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert not list(folder.rglob("pwfile"))
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_the_password_nobody_gets_in(postgres: PostgresTarget) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        postgres.server.connect(password="guess")


def test_two_run_side_by_side(binaries: PostgresBinaries) -> None:
    with ThrowawayPostgres(binaries) as one, ThrowawayPostgres(binaries) as other:
        assert one.port != other.port
        assert one.password != other.password
        one.connect().close()
        other.connect().close()


def test_statements_are_logged_when_asked_for(binaries: PostgresBinaries) -> None:
    with ThrowawayPostgres(binaries, log_statements=True) as server:
        with server.connect() as connection:
            connection.execute("SELECT 'a mark in the log'")
        assert "a mark in the log" in server.log_path.read_text()


def test_a_failed_start_says_why_and_leaves_nothing(binaries: PostgresBinaries) -> None:
    server = ThrowawayPostgres(binaries, settings={"shared_buffers": "plenty"})
    with pytest.raises(ServerNotStarted, match=r"did not start: .*"), server:
        raise AssertionError
    assert not server.log_path.parent.exists()


def test_an_installation_that_its_account_cannot_read_is_copied(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root starts the server as another user")
    wheel = postgres_binaries("wheel")
    package = wheel.folder.parent.parent
    hidden = tmp_path / "hidden"  # as a virtual environment below /root
    hidden.mkdir(mode=0o700)
    shutil.copytree(wheel.folder.parent, hidden / package.name / wheel.folder.parent.name)
    shutil.copytree(package.with_name(f"{package.name}.libs"), hidden / f"{package.name}.libs")
    folder = hidden / wheel.folder.relative_to(package.parent)
    with ThrowawayPostgres(PostgresBinaries("wheel", folder, wheel.version)) as server:
        server.connect().close()


def test_a_machine_without_postgresql_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throwaway, "find_postgres", list)
    with pytest.raises(ServerNotStarted, match="apt-get install postgresql"), ThrowawayPostgres():
        raise AssertionError


def test_a_folder_without_a_whole_server_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 99'\n")
    (tmp_path / "postgres").chmod(0o755)
    assert throwaway._newest("system", [tmp_path, tmp_path / "nothing"]) is None
    (tmp_path / "initdb").touch()
    found = throwaway._newest("system", [tmp_path])
    assert found is not None
    assert found.version == 99
