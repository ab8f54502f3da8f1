"""Two users of MariaDB kept alike: what is copied, what is taken away, and what is left alone."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.contract import StepFailed
from detent.functions.engines import engine_named
from detent.functions.engines.mariadb import MariadbSession
from detent.functions.engines.mariadb.grants import grants_of
from detent.functions.errors import ChangeRefused, EngineUnavailable
from detent.functions.passwords import Password
from detent.functions.testing import SecretsSimulator
from functions.stories import STEPS, event, rotate
from servers.mariadb import MariadbTarget
from servers.target import OLD

NEW = Password("clone-password")


def session_of(target: MariadbTarget, user: str, password: str) -> MariadbSession:
    session = engine_named("mariadb").connect(target.login(user, password), lambda: 30.0)
    assert isinstance(session, MariadbSession)
    return session


@pytest.fixture
def user(mariadb: MariadbTarget) -> str:
    name = str(mariadb.new_value()["username"])
    mariadb.grant_something(name)
    return name


@pytest.fixture
def admin(mariadb: MariadbTarget, user: str) -> Iterator[MariadbSession]:
    mariadb.create_administrator(f"{user}_admin", "admin-password", over=user)
    with closing(session_of(mariadb, f"{user}_admin", "admin-password")) as session:
        yield session


@pytest.fixture
def root(mariadb: MariadbTarget) -> Iterator[MariadbSession]:
    """An administrator who may pass on everything."""
    name = f"root_{uuid.uuid4().hex[:8]}"
    mariadb.create_user(name, OLD)
    mariadb.run("GRANT ALL ON *.* TO {0} WITH GRANT OPTION; GRANT PROXY ON ''@'%' TO {0} WITH GRANT OPTION", name)
    with closing(session_of(mariadb, name, OLD)) as session:
        yield session


def rights(target: MariadbTarget, user: str) -> tuple[Any, ...]:
    """What the server says of a user, past the engine; without its name and passwords."""
    ((created,),) = target.run("SHOW CREATE USER {}", user)
    shown = [row[0] for row in target.run("SHOW GRANTS FOR {}", user)]
    hosts = target.run(f"SELECT Host FROM mysql.user WHERE User = {target.literal(user)} ORDER BY Host")
    named = [text.replace(f"{target.quoted(user)}@", "`USER`@").partition(" IDENTIFIED ") for text in (created, *shown)]
    plain = [before + after[after.find("'*") + 43 :] if "'*" in after else before + after for before, _, after in named]
    return sorted(plain), hosts


def everything(target: MariadbTarget, user: str) -> None:
    """Rights of all kinds, on names of all kinds."""
    target.run("CREATE DATABASE {0}; CREATE TABLE {0}.{1} (`c``, d` INT)", f"{user}` TO 'x", "t ON `y`.*")
    target.run("GRANT SELECT, DELETE ON {}.* TO {}", f"{user}` TO 'x", user)
    target.run("GRANT INSERT (`c``, d`), UPDATE ON {}.{} TO {} WITH GRANT OPTION", f"{user}` TO 'x", "t ON `y`.*", user)
    target.run("CREATE FUNCTION app.{} () RETURNS INT DETERMINISTIC RETURN 1", f"f_{user}")
    target.run("GRANT EXECUTE, ALTER ROUTINE ON FUNCTION app.{} TO {}", f"f_{user}", user)
    target.run("GRANT USAGE ON mysql.* TO {} WITH GRANT OPTION", user)
    target.run("GRANT PROCESS, CREATE TEMPORARY TABLES ON *.* TO {}", user)
    for role in (f"{user}_`r1", f"{user}_r2"):
        target.run("CREATE ROLE {}", role)
        target.run("GRANT {} TO {}", role, user)
    target.run("GRANT {0} TO {1} WITH ADMIN OPTION; SET DEFAULT ROLE {0} FOR {1}", f"{user}_`r1", user)
    target.run("GRANT PROXY ON {}@'10.%' TO {} WITH GRANT OPTION", f"{user}_other", user)
    target.run("ALTER USER {} REQUIRE SUBJECT 'it''s \\\\ GRANT OPTION' ISSUER 'x'", user)
    target.run("ALTER USER {} WITH MAX_STATEMENT_TIME 1.5 MAX_QUERIES_PER_HOUR 9 PASSWORD EXPIRE NEVER", user)


def test_grants_roles_and_options_of_every_kind_are_copied_and_taken_again(
    mariadb: MariadbTarget, user: str, root: MariadbSession
) -> None:
    clone, bare = f"{user}_clone", rights(mariadb, user)
    everything(mariadb, user)
    for role in (f"{user}_`r1", f"{user}_r2"):
        mariadb.run("GRANT {} TO {} WITH ADMIN OPTION", role, root._login.username)
    root.clone_user(user, clone, NEW)
    assert rights(mariadb, clone) == rights(mariadb, user)
    assert root.privileges(clone) == root.privileges(user)
    assert len(root.privileges(user)) > 20
    mariadb.run("CREATE OR REPLACE USER {} IDENTIFIED BY 'x'", user)
    mariadb.grant_something(user)
    assert rights(mariadb, user) == bare
    root.clone_user(user, clone, NEW)
    assert rights(mariadb, clone) == bare
    assert root.privileges(clone) == root.privileges(user)


def test_what_is_compared_names_grants_options_and_host_and_no_password(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    assert admin.privileges(user) == {
        "host %",
        "SELECT on `app`.*",
        "INSERT on `app`.`t`",
        "UPDATE (`a`) on `app`.`t`",
        "UPDATE (`b`) on `app`.`t`",
        "grant option on `app`.`t`",
        "MAX_USER_CONNECTIONS 50",
        "PASSWORD EXPIRE INTERVAL 90 DAY",
    }
    with closing(session_of(mariadb, user, OLD)) as own:
        assert own.privileges(user) == admin.privileges(user)


def test_what_comes_by_a_role_that_is_on_is_told_once_as_the_role(mariadb: MariadbTarget, user: str) -> None:
    mariadb.run("CREATE ROLE {0}; GRANT DELETE ON app.* TO {0}", f"{user}_r")
    mariadb.run("GRANT {0} TO {1}; SET DEFAULT ROLE {0} FOR {1}", f"{user}_r", user)
    with closing(session_of(mariadb, user, OLD)) as own:
        assert {f"role `{user}_r`", f"default role `{user}_r`"} < own.privileges(user)
        assert "DELETE on `app`.*" not in own.privileges(user)


@pytest.mark.parametrize(("wide", "narrow"), [("ALL PRIVILEGES", "SELECT, DELETE"), ("SELECT, DELETE", "SELECT")])
def test_grants_widen_and_narrow_with_the_original(
    mariadb: MariadbTarget, user: str, root: MariadbSession, wide: str, narrow: str
) -> None:
    clone = f"{user}_clone"
    for given in (narrow, wide, narrow):
        mariadb.run("REVOKE ALL PRIVILEGES ON app.t FROM {}", user)
        mariadb.run(f"GRANT {given} ON app.t TO {{}}", user)
        root.clone_user(user, clone, NEW)
        assert rights(mariadb, clone) == rights(mariadb, user)


def test_the_hosts_of_the_clone_follow_the_originals(mariadb: MariadbTarget, user: str, admin: MariadbSession) -> None:
    clone = f"{user}_clone"
    admin.clone_user(user, clone, NEW)
    mariadb.run(f"CREATE USER {user}@'10.%' IDENTIFIED BY 'x'; GRANT SELECT ON app.t TO {user}@'10.%'")
    admin.clone_user(user, clone, NEW)
    assert rights(mariadb, clone) == rights(mariadb, user)
    ((shown,), (granted,)) = mariadb.run(f"SHOW GRANTS FOR {clone}@'10.%'")
    assert "IDENTIFIED BY PASSWORD '*" in shown
    assert granted == f"GRANT SELECT ON `app`.`t` TO `{clone}`@`10.%`"
    mariadb.run(f"DROP USER {user}@'10.%'")
    admin.clone_user(user, clone, NEW)
    assert rights(mariadb, clone) == rights(mariadb, user)


def test_a_clone_that_is_half_made_takes_nothing_from_its_original(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    before = rights(mariadb, user)
    mariadb.create_user(f"{user}_clone", OLD)
    admin.clone_user(f"{user}_clone", user, NEW)
    assert rights(mariadb, user) == before
    assert mariadb.logs_in(user, "clone-password")


def test_a_user_that_is_not_there_has_no_clone(admin: MariadbSession) -> None:
    with pytest.raises(ChangeRefused, match="there is no user 'ghost'"):
        admin.clone_user("ghost", "ghost_clone", NEW)
    with pytest.raises(ChangeRefused, match="there is no user 'ghost'"):
        admin.clone_user("ghost_clone", "ghost", NEW)


def test_a_clone_that_somebody_locked_stays_locked_and_is_told_of(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    admin.clone_user(user, f"{user}_clone", NEW)
    mariadb.run("ALTER USER {} ACCOUNT LOCK", f"{user}_clone")
    with pytest.raises(ChangeRefused, match="ACCOUNT UNLOCK"):
        admin.clone_user(user, f"{user}_clone", NEW)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("GRANT ALTER ON app.* TO {0}", "WITH GRANT OPTION"),
        ("GRANT ALTER ON app.t TO {0}", "WITH GRANT OPTION"),
        ("GRANT PROCESS ON *.* TO {0}", "WITH GRANT OPTION"),
        ("CREATE ROLE {1}; GRANT {1} TO {0}", "a role WITH ADMIN OPTION"),
        ("GRANT PROXY ON {1} TO {0}", "WITH GRANT OPTION"),
        ("CREATE TABLE app.{1} (a INT); GRANT SELECT ON app.{1} TO {0}; DROP TABLE app.{1}", "doesn't exist"),
    ],
)
def test_an_administrator_who_may_not_pass_something_on_is_refused_with_the_cure(
    mariadb: MariadbTarget, user: str, admin: MariadbSession, given: str, said: str
) -> None:
    mariadb.run(given, user, f"{user}_it")
    with pytest.raises(ChangeRefused, match=said):
        admin.clone_user(user, f"{user}_clone", NEW)


def test_a_default_role_needs_one_right_more_which_is_named(
    mariadb: MariadbTarget, user: str, admin: MariadbSession
) -> None:
    role = f"{user}_r"
    mariadb.run("CREATE ROLE {0}; GRANT {0} TO {1}; SET DEFAULT ROLE {0} FOR {1}", role, user)
    mariadb.run("GRANT {} TO {} WITH ADMIN OPTION", role, f"{user}_admin")
    with pytest.raises(ChangeRefused, match=r"GRANT UPDATE ON mysql\.\*"):
        admin.clone_user(user, f"{user}_clone", NEW)
    mariadb.run("GRANT UPDATE ON mysql.* TO {}", f"{user}_admin")
    with closing(session_of(mariadb, f"{user}_admin", "admin-password")) as again:
        again.clone_user(user, f"{user}_clone", NEW)
    assert rights(mariadb, f"{user}_clone") == rights(mariadb, user)


def test_a_right_that_is_told_in_another_form_is_not_guessed_at() -> None:
    with pytest.raises(EngineUnavailable, match="not understood"):
        grants_of(["GRANT SELECT ON app.t TO somebody"])


def test_a_right_that_the_original_lost_while_the_clone_is_current_fails_the_test_by_its_name(
    mariadb: MariadbTarget, user: str
) -> None:
    mariadb.create_administrator(f"{user}_admin", "admin-password", over=user)
    client = SecretsSimulator()
    link = client.create(mariadb.value(f"{user}_admin", "admin-password"), name="admin")
    arn = client.create(mariadb.value(user, OLD, masterarn=link))
    function = BUILTIN["detent-mariadb-alternating-users"]
    rotate(arn, client, function=function)
    mariadb.run("REVOKE SELECT ON app.* FROM {}", user)
    token = client.start_rotation(arn)
    for step in STEPS[:2]:
        function.run(event(step, arn, token), client, lambda: 30.0)
    with pytest.raises(StepFailed, match=r"it lacks: SELECT on `app`\.\*\. Make the two users alike"):
        function.run(event(STEPS[2], arn, token), client, lambda: 30.0)
