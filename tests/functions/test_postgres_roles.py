"""What PostgreSQL's roles may be besides able to log in, and what the engine says of it."""

import uuid
from contextlib import closing
from typing import Any

import pytest

from detent.functions.engines import Engine, engine_named
from detent.functions.engines.postgres.session import PostgresSession
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.passwords import Password
from servers.postgres import PostgresTarget
from servers.target import OLD


@pytest.fixture
def engine() -> Engine:
    return engine_named("postgres")


@pytest.fixture
def user(postgres: PostgresTarget) -> str:
    name = f"app_{uuid.uuid4().hex[:12]}"
    postgres.create_user(name, OLD)
    return name


def plenty() -> float:
    return 30.0


def session_of(target: PostgresTarget, user: str, password: str = OLD, **settings: Any) -> Any:
    return closing(engine_named("postgres").connect(target.login(user, password, **settings), plenty))


@pytest.mark.parametrize(("kind", "said"), [("no login", "may not log in"), ("expired", "VALID UNTIL")])
def test_a_role_that_no_password_helps_is_a_rejected_login_that_says_why(
    engine: Engine, postgres: PostgresTarget, kind: str, said: str
) -> None:
    name = f"odd_{uuid.uuid4().hex[:12]}"
    postgres.create_user(name, OLD, kind)
    with pytest.raises(LoginRejected, match=said):
        engine.connect(postgres.login(name, OLD), plenty)


def test_too_many_connections_blame_no_password(engine: Engine, postgres: PostgresTarget) -> None:
    name = f"crowd_{uuid.uuid4().hex[:12]}"
    postgres.create_user(name, OLD, "no connections left")
    with pytest.raises(EngineUnavailable, match="too many connections"):
        engine.connect(postgres.login(name, OLD), plenty)


@pytest.mark.parametrize(
    ("kind", "reason"), [("expired", "VALID UNTIL"), ("no login", "may not log in"), (None, "no role")]
)
def test_an_administrator_is_told_why_a_new_password_would_not_help(
    postgres: PostgresTarget, user: str, kind: str | None, reason: str
) -> None:
    if kind is not None:
        postgres.create_user(f"{user}_odd", OLD, kind)
    postgres.create_administrator(f"{user}_admin", "admin-password", over=user)
    with session_of(postgres, f"{user}_admin", "admin-password") as session, pytest.raises(ChangeRefused, match=reason):
        session.set_password(f"{user}_odd", Password("new-password"))


def test_a_password_that_the_servers_own_rules_turn_down_is_an_error_of_its_own(
    tls_postgres: PostgresTarget,
) -> None:
    name = f"checked_{uuid.uuid4().hex[:8]}"
    tls_postgres.create_user(name, OLD)
    tls_postgres.run("ALTER ROLE {} SET session_preload_libraries = 'passwordcheck'", name, literals=0)
    with session_of(tls_postgres, name) as session:
        with pytest.raises(PasswordRefused, match="rules refuse the new password"):
            session.change_own_password(Password(name))  # the one thing that passwordcheck sees in a verifier
        session.change_own_password(Password("new-password"))
    assert tls_postgres.logs_in(name, "new-password")


# Clones


@pytest.fixture
def admin(postgres: PostgresTarget, user: str) -> Any:
    postgres.create_administrator(f"{user}_admin", "admin-password", over=user)
    with session_of(postgres, f"{user}_admin", "admin-password") as session:
        yield session


def test_what_the_clone_makes_belongs_to_the_original_and_either_may_use_and_drop_it(
    postgres: PostgresTarget, user: str, admin: PostgresSession
) -> None:
    postgres.run("CREATE SCHEMA {} AUTHORIZATION {}", f"s_{user}", user, literals=0)
    admin.clone_user(user, f"{user}_clone", Password("clone-password"))
    login = {"dbname": "postgres"}
    with postgres.server.connect(user=f"{user}_clone", password="clone-password", **login) as clone:
        clone.execute(f"CREATE TABLE s_{user}.made (id int)")
        clone.execute("DISCARD ALL")  # as poolers do between two clients
        clone.execute(f"CREATE TABLE s_{user}.pooled (id int)")
    with postgres.server.connect(user=user, password=OLD, **login) as original:
        original.execute(f"INSERT INTO s_{user}.made VALUES (1); DROP TABLE s_{user}.pooled")
        original.execute(f"CREATE TABLE s_{user}.by_original (id int)")
        owners = original.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = %s", [f"s_{user}"])
        assert owners.fetchall() == [(user,)]
    with postgres.server.connect(user=f"{user}_clone", password="clone-password", **login) as clone:
        clone.execute(f"DROP TABLE s_{user}.by_original, s_{user}.made")


def test_an_original_that_acts_as_an_owner_has_a_clone_that_does(
    postgres: PostgresTarget, user: str, admin: PostgresSession
) -> None:
    owner = f"{user}_owner"
    postgres.run("CREATE ROLE {} NOLOGIN", owner, literals=0)
    postgres.run("GRANT {} TO {}", owner, user, literals=0)
    postgres.run("GRANT {} TO {} WITH ADMIN OPTION", owner, f"{user}_admin", literals=0)
    postgres.run("ALTER ROLE {} SET role = {}", user, owner)
    for source, target, password in ((user, f"{user}_clone", "one"), (f"{user}_clone", user, "two")):
        admin.clone_user(source, target, Password(password))
    with postgres.server.connect(user=f"{user}_clone", password="one", dbname="postgres") as clone:
        assert clone.execute("SELECT current_user, session_user").fetchone() == (owner, f"{user}_clone")
    assert postgres.logs_in(user, "two")


def test_a_pair_as_aws_templates_make_it_is_taken_over_and_its_own_objects_are_told_of(
    postgres: PostgresTarget, user: str, admin: PostgresSession
) -> None:
    clone = f"{user}_clone"
    postgres.create_user(clone, "clone-password")
    postgres.run("GRANT {} TO {}", user, clone, literals=0)
    postgres.run("GRANT {} TO {} WITH ADMIN OPTION", clone, f"{user}_admin", literals=0)
    postgres.run("CREATE TABLE {} (id int)", f"t_{user}", literals=0)
    postgres.run("ALTER TABLE {} OWNER TO {}", f"t_{user}", clone, literals=0)
    admin.clone_user(user, clone, Password("clone-password"))
    with session_of(postgres, clone, "clone-password") as session:
        assert "owner of 1 objects in database postgres" in session.privileges(clone)
        assert "owner of 1 objects in database postgres" not in session.privileges(user)
    postgres.run("REASSIGN OWNED BY {} TO {}", clone, user, literals=0)
    with session_of(postgres, clone, "clone-password") as session:
        assert session.privileges(clone) == session.privileges(user)


def test_a_stranger_that_has_the_clones_name_is_not_touched(
    postgres: PostgresTarget, user: str, admin: PostgresSession
) -> None:
    postgres.create_user(f"{user}_clone", "stranger-password")
    postgres.run("GRANT {} TO {} WITH ADMIN OPTION", f"{user}_clone", f"{user}_admin", literals=0)
    with pytest.raises(ChangeRefused, match="is no clone of"):
        admin.clone_user(user, f"{user}_clone", Password("clone-password"))
    assert postgres.logs_in(f"{user}_clone", "stranger-password")
