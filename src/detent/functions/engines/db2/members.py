"""What a user of Db2 may do: by roles, authorities on the database and groups; and by itself, on single objects."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

Run = Callable[..., list[Sequence[Any]]]

# Db2: columns of SYSCAT.DBAUTH, and what GRANT … ON DATABASE calls them. LIBRARYADMAUTH is in no GRANT.
_AUTHORITIES: Final = {
    "ACCESSCTRLAUTH": "ACCESSCTRL",
    "BINDADDAUTH": "BINDADD",
    "CONNECTAUTH": "CONNECT",
    "CREATESECUREAUTH": "CREATE_SECURE_OBJECT",
    "CREATETABAUTH": "CREATETAB",
    "DATAACCESSAUTH": "DATAACCESS",
    "DBADMAUTH": "DBADM",
    "EXPLAINAUTH": "EXPLAIN",
    "EXTERNALROUTINEAUTH": "CREATE_EXTERNAL_ROUTINE",
    "IMPLSCHEMAAUTH": "IMPLICIT_SCHEMA",
    "LOADAUTH": "LOAD",
    "NOFENCEAUTH": "CREATE_NOT_FENCED_ROUTINE",
    "QUIESCECONNECTAUTH": "QUIESCE_CONNECT",
    "SECURITYADMAUTH": "SECADM",
    "SQLADMAUTH": "SQLADM",
    "WLMADMAUTH": "WLMADM",
}
_DBAUTH: Final = f"SELECT {', '.join(_AUTHORITIES)} FROM SYSCAT.DBAUTH WHERE GRANTEE = ? AND GRANTEETYPE = 'U'"  # noqa: S608 - its own names
_ROLES: Final = "SELECT ROLENAME, ADMIN FROM SYSCAT.ROLEAUTH WHERE GRANTEE = ? AND GRANTEETYPE = 'U'"
_GROUPS: Final = "SELECT T.GROUP FROM TABLE(SYSPROC.AUTH_LIST_GROUPS_FOR_AUTHID(?)) AS T"
_OBJECTS: Final = (
    "SELECT PRIVILEGE, OBJECTTYPE, OBJECTSCHEMA, OBJECTNAME FROM SYSIBMADM.PRIVILEGES"
    " WHERE AUTHID = ? AND AUTHIDTYPE = 'U'"
)


@dataclass(frozen=True, slots=True)
class Members:
    """``roles`` that may be granted on have ``WITH ADMIN OPTION`` after their quoted name."""

    roles: frozenset[str]
    authorities: frozenset[str]
    groups: frozenset[str]
    objects: frozenset[str]

    def words(self) -> frozenset[str]:
        """Name all of it."""
        kinds = {"role": self.roles, "authority": self.authorities, "group": self.groups, "right": self.objects}
        return frozenset(f"{kind} {one}" for kind, found in kinds.items() for one in found)

    def statements(self, there: "Members", user: str) -> Iterator[str]:
        """Make a user that has what is there into one that has this; ``user`` is quoted. Groups are no statement's."""
        for role in sorted(there.roles - self.roles):
            yield f"REVOKE ROLE {role.removesuffix(_ADMIN)} FROM USER {user}"
        for role in sorted(self.roles - there.roles):
            yield f"GRANT ROLE {role.removesuffix(_ADMIN)} TO USER {user}{_ADMIN if role.endswith(_ADMIN) else ''}"
        for authority in sorted(there.authorities - self.authorities):
            yield f"REVOKE {authority} ON DATABASE FROM USER {user}"
        for authority in sorted(self.authorities - there.authorities):
            yield f"GRANT {authority} ON DATABASE TO USER {user}"


_ADMIN: Final = " WITH ADMIN OPTION"


def members_of(ask: Run, user: str) -> Members:
    """Read a user's. Db2 writes the names of users in capitals."""
    name = user.upper()
    rows = ask(_DBAUTH, name)
    had = {column for row in rows for column, has in zip(_AUTHORITIES, row, strict=True) if has == "Y"}
    return Members(
        roles=frozenset(f"{quoted(role.strip())}{_ADMIN if admin == 'Y' else ''}" for role, admin in ask(_ROLES, name)),
        authorities=frozenset(_AUTHORITIES[column] for column in had),
        groups=frozenset(str(group).strip() for (group,) in ask(_GROUPS, name)),
        objects=frozenset(
            f"{privilege.strip()} on {kind.strip()} {schema.strip()}.{named}"
            for privilege, kind, schema, named in ask(_OBJECTS, name)
        ),
    )


def quoted(name: str) -> str:
    """Write an identifier."""
    return '"' + name.replace('"', '""') + '"'
