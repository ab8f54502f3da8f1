"""Two PostgreSQL roles that may do the same: a clone is a member of its original and acts as it from the login on.

So no grant is copied and none can drift, what either makes belongs to the original, and poolers' resets change
nothing (``DISCARD ALL`` and ``RESET ROLE`` go back to the login's own setting). Where the original acts as a third
role, an owner, the clone does so too. Copied is only what belongs to a login: its settings, its connection limit,
REPLICATION.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from detent.functions.errors import ChangeRefused

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

_OPTIONS_SINCE: Final = 160000
_LISTS: Final = frozenset({"search_path", "temp_tablespaces"})  # written with quotes of their own

_SETTINGS: Final = """
SELECT coalesce(d.datname, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
  FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c LEFT JOIN pg_database d ON d.oid = s.setdatabase
 WHERE s.setrole = %s
"""

# What tells two roles apart, by name. `acts` is the role that the login acts as; what the login has beyond that counts.
_PRIVILEGES: Final = """
WITH login AS (SELECT * FROM pg_roles WHERE rolname = %(user)s),
acts AS (
  SELECT r.* FROM pg_roles r WHERE r.rolname = coalesce(
    (SELECT substr(c, 6) FROM pg_db_role_setting s, unnest(s.setconfig) c, login
      WHERE s.setrole = login.oid AND s.setdatabase = 0 AND c LIKE 'role=%%'),
    (SELECT rolname FROM login))
),
both_roles AS (SELECT oid FROM login UNION SELECT oid FROM acts),
acl AS (
  SELECT 'table ' || c.oid::regclass::text AS object, c.relacl AS acl FROM pg_class c WHERE c.relacl IS NOT NULL
  UNION ALL SELECT 'column ' || a.attrelid::regclass::text || '.' || quote_ident(a.attname), a.attacl
    FROM pg_attribute a WHERE a.attacl IS NOT NULL
  UNION ALL SELECT 'schema ' || quote_ident(nspname), nspacl FROM pg_namespace WHERE nspacl IS NOT NULL
  UNION ALL SELECT 'function ' || p.oid::regprocedure::text, p.proacl FROM pg_proc p WHERE p.proacl IS NOT NULL
  UNION ALL SELECT 'type ' || t.oid::regtype::text, t.typacl FROM pg_type t WHERE t.typacl IS NOT NULL
  UNION ALL SELECT 'database ' || quote_ident(datname), datacl FROM pg_database WHERE datacl IS NOT NULL
  UNION ALL SELECT 'tablespace ' || quote_ident(spcname), spcacl FROM pg_tablespace WHERE spcacl IS NOT NULL
  UNION ALL SELECT 'language ' || quote_ident(lanname), lanacl FROM pg_language WHERE lanacl IS NOT NULL
  UNION ALL SELECT 'server ' || quote_ident(srvname), srvacl FROM pg_foreign_server WHERE srvacl IS NOT NULL
  UNION ALL SELECT 'wrapper ' || quote_ident(fdwname), fdwacl FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL
  UNION ALL SELECT 'defaults of ' || d.defaclrole::regrole::text || ' for ' || d.defaclobjtype::text || ' in '
      || coalesce(d.defaclnamespace::regnamespace::text, 'all schemas'), d.defaclacl FROM pg_default_acl d
)
SELECT 'attribute ' || name FROM acts, LATERAL (VALUES
    ('SUPERUSER', rolsuper), ('CREATEDB', rolcreatedb), ('CREATEROLE', rolcreaterole), ('BYPASSRLS', rolbypassrls)
  ) AS attributes (name, has) WHERE has
UNION SELECT 'attribute REPLICATION' FROM login WHERE rolreplication
UNION SELECT 'connection limit ' || rolconnlimit FROM login WHERE rolconnlimit <> -1
UNION SELECT 'setting ' || coalesce(d.datname || ': ', '') || c
  FROM login, pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c LEFT JOIN pg_database d ON d.oid = s.setdatabase
  WHERE s.setrole = login.oid AND NOT (s.setdatabase = 0 AND c LIKE 'role=%%')
UNION SELECT 'member of ' || m.roleid::regrole::text FROM pg_auth_members m, acts
  WHERE m.member IN (SELECT oid FROM both_roles) AND m.roleid <> acts.oid
UNION SELECT x.privilege_type || CASE WHEN x.is_grantable THEN ' with grant option' ELSE '' END || ' on ' || object
  FROM acl, LATERAL aclexplode(acl) x WHERE x.grantee IN (SELECT oid FROM both_roles)
UNION SELECT 'owner of ' || count(*) || ' objects in database ' || quote_ident(d.datname)
  FROM pg_shdepend o JOIN pg_database d ON d.oid = o.dbid
  WHERE o.refclassid = 'pg_authid'::regclass AND o.deptype = 'o' AND o.refobjid IN (SELECT oid FROM both_roles)
  GROUP BY d.datname
"""


@dataclass(frozen=True, slots=True)
class _Role:
    """A role as a login. ``settings`` are by database ("" for all) and name."""

    name: str
    limit: int
    replication: bool
    settings: dict[tuple[str, str], str]

    @property
    def acts_as(self) -> str:
        return self.settings.get(("", "role"), self.name)


def converge(connection: "psycopg.Connection[Any]", source: str, target: str, verifier: str) -> None:
    """Make the target act as the source, in the caller's transaction; of an original only the password is set."""
    original, clone = _role(connection, source), _role(connection, target)
    if original is None:
        raise ChangeRefused(f"there is no role {source!r} on the server")
    if clone is not None and _is_member(connection, source, target):  # the target is the original
        _run(connection, "ALTER ROLE {target} PASSWORD {verifier}", target=target, verifier=verifier)
        return
    if clone is None:
        _run(connection, "CREATE ROLE {target} LOGIN PASSWORD {verifier}", target=target, verifier=verifier)
    else:
        _refuse_stranger(connection, original, clone)
        _run(connection, "ALTER ROLE {target} PASSWORD {verifier}", target=target, verifier=verifier)
    _act_as(connection, original.acts_as, target)
    _copy_login(connection, original, clone or _Role(target, -1, replication=False, settings={}))


def privileges_of(connection: "psycopg.Connection[Any]", user: str) -> frozenset[str]:
    """Name what tells what a role may do; of single objects those of this database, of ownership those of all."""
    return frozenset(row[0] for row in connection.execute(_PRIVILEGES, {"user": user}))


def _role(connection: "psycopg.Connection[Any]", name: str) -> _Role | None:
    query = "SELECT oid, rolconnlimit, rolreplication FROM pg_roles WHERE rolname = %s"
    row = connection.execute(query, [name]).fetchone()
    if row is None:
        return None
    found = connection.execute(_SETTINGS, [row[0]]).fetchall()
    return _Role(name, row[1], row[2], {(database, key): value for database, key, value in found})


def _is_member(connection: "psycopg.Connection[Any]", member: str, of: str) -> bool:
    query = (
        "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member"
        " WHERE r.rolname = %s AND u.rolname = %s"
    )
    return connection.execute(query, [of, member]).fetchone() is not None


def _refuse_stranger(connection: "psycopg.Connection[Any]", original: _Role, clone: _Role) -> None:
    """Keep off a role that only happens to have the clone's name."""
    if clone.acts_as != original.acts_as and not _is_member(connection, clone.name, original.name):
        raise ChangeRefused(
            f"there is a role {clone.name!r} that is no clone of {original.name!r}: rename it, or name both users by "
            'the key "usernames" if they are the pair'
        )


def _act_as(connection: "psycopg.Connection[Any]", owner: str, target: str) -> None:
    if not _is_member(connection, target, owner):
        options = " WITH INHERIT TRUE, SET TRUE" if connection.info.server_version >= _OPTIONS_SINCE else ""
        _run(connection, "GRANT {owner} TO {target}" + options, owner=owner, target=target)
    _run(connection, "ALTER ROLE {target} SET role = {value}", target=target, value=owner)


def _copy_login(connection: "psycopg.Connection[Any]", original: _Role, clone: _Role) -> None:
    if clone.limit != original.limit:
        _run(connection, f"ALTER ROLE {{target}} CONNECTION LIMIT {original.limit}", target=clone.name)
    if clone.replication != original.replication:
        switch = "REPLICATION" if original.replication else "NOREPLICATION"
        _run(connection, f"ALTER ROLE {{target}} {switch}", target=clone.name)
    for (database, key), value in original.settings.items():
        if clone.settings.get((database, key)) != value:
            _set(connection, clone.name, database, key, value)
    for database, key in clone.settings.keys() - original.settings.keys() - {("", "role")}:
        where = "IN DATABASE {database} " if database else ""
        _run(connection, f"ALTER ROLE {{target}} {where}RESET {{key}}", target=clone.name, database=database, key=key)


def _set(connection: "psycopg.Connection[Any]", target: str, database: str, key: str, value: str) -> None:
    where = "IN DATABASE {database} " if database else ""
    how = "= {value}"
    if key in _LISTS:  # a literal would be quoted once more
        connection.execute("SELECT set_config(%s, %s, true)", [key, value])
        how = "FROM CURRENT"
    _run(
        connection,
        f"ALTER ROLE {{target}} {where}SET {{key}} {how}",
        target=target,
        database=database,
        key=key,
        value=value,
    )


def _run(connection: "psycopg.Connection[Any]", statement: str, **parts: str) -> None:
    """Run a statement in whose braces stand names, but for ``value`` and ``verifier``, which are literals."""
    from psycopg import sql  # noqa: PLC0415 - an optional driver

    quoted = {name: _quoted(name, part) for name, part in parts.items()}
    connection.execute(sql.SQL(statement).format(**quoted))


def _quoted(name: str, part: str) -> "sql.Composable":
    from psycopg import sql  # noqa: PLC0415 - an optional driver

    if name in {"value", "verifier"}:
        return sql.Literal(part)
    return sql.Identifier(*part.split(".")) if name == "key" else sql.Identifier(part)
