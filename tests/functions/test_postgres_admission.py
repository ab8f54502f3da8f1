"""How the postgres engine gets on with what a server's pg_hba.conf may ask for."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from detent.cli.throwaway import ThrowawayPostgres
from detent.functions.engines import Session, engine_named
from detent.functions.errors import EngineUnavailable
from detent.functions.passwords import Password
from functions.stories import logs_in, new_user
from servers.certificates import Certificates
from servers.postgres import PostgresTarget, postgres_binaries

OLD = "canary-current-password"


@pytest.fixture(scope="module")
def target(certificates: Certificates) -> Iterator[PostgresTarget]:
    tls = (certificates.server, certificates.server_key)
    settings = {"password_encryption": "md5"}
    with ThrowawayPostgres(postgres_binaries("system"), tls=tls, settings=settings) as server:
        yield PostgresTarget(server)


@pytest.fixture
def admit(target: PostgresTarget) -> Callable[..., None]:
    def rewrite(*lines: str) -> None:
        conf = target.server.log_path.parent / "data" / "pg_hba.conf"
        # the superuser comes in as before, everybody else by the lines of the test
        conf.write_text("\n".join(["host all postgres 127.0.0.1/32 md5", *lines, ""]))
        with target.server.connect() as connection:
            before = connection.execute("SELECT clock_timestamp(), pg_reload_conf()").fetchone()
        while not reloaded(target, before):
            pass

    return rewrite


def reloaded(target: PostgresTarget, before: Any) -> bool:
    with target.server.connect() as connection:
        row = connection.execute("SELECT pg_conf_load_time() > %s", [before[0]]).fetchone()
    return bool(row and row[0])


@pytest.fixture
def user(target: PostgresTarget, admit: Callable[..., None]) -> str:
    admit("host all all 127.0.0.1/32 md5")
    return new_user(target, OLD)


def connect(target: PostgresTarget, user: str, **settings: Any) -> Session:
    return engine_named("postgres").connect(target.login(user, OLD, **settings), lambda: 30.0)


def test_a_server_of_md5_passwords_takes_the_verifier_and_logs_in_with_it(target: PostgresTarget, user: str) -> None:
    with closing(connect(target, user)) as session:
        session.change_own_password(Password("canary-new-password"))  # type: ignore[attr-defined]
    assert logs_in(target, target.value(user, "canary-new-password"))
    assert not logs_in(target, target.value(user, OLD))
    with target.server.connect() as connection:
        stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [user]).fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$4096:")


@pytest.mark.parametrize("settings", [{}, {"ssl": False}, {"sslmode": "require"}])
def test_the_clear_password_is_not_given_to_a_server_that_tls_has_not_verified(
    target: PostgresTarget, user: str, admit: Callable[..., None], settings: dict[str, Any]
) -> None:
    admit("host all all 127.0.0.1/32 password")
    with pytest.raises(EngineUnavailable, match="asks for the password in clear"):
        connect(target, user, **settings)


def test_a_verified_server_may_ask_for_the_clear_password(
    target: PostgresTarget, user: str, admit: Callable[..., None], certificates: Certificates
) -> None:
    admit("host all all 127.0.0.1/32 password")
    with closing(connect(target, user, host="localhost", sslrootcert=certificates.ca)) as session:
        session.ping()


def test_a_server_that_takes_tls_only_names_the_cure_for_plaintext(
    target: PostgresTarget, user: str, admit: Callable[..., None]
) -> None:
    admit("hostssl all all 127.0.0.1/32 md5")
    with pytest.raises(EngineUnavailable, match='remove "ssl": false'):
        connect(target, user, ssl=False)
    connect(target, user).close()


def test_a_server_that_asks_for_no_password_proves_none(
    target: PostgresTarget, user: str, admit: Callable[..., None]
) -> None:
    admit("host all all 127.0.0.1/32 trust")
    with pytest.raises(EngineUnavailable, match="without asking for the password"):
        connect(target, user)


@pytest.mark.parametrize(
    ("line", "said"), [("host all all 127.0.0.1/32 reject", "rejects"), ("# nobody", "does not admit")]
)
def test_a_user_whom_the_server_does_not_admit_is_no_wrong_password(
    target: PostgresTarget, user: str, admit: Callable[..., None], line: str, said: str
) -> None:
    admit(line)
    with pytest.raises(EngineUnavailable, match=said):
        connect(target, user, sslmode="require")
