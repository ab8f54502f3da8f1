"""OpenLDAP, and directories that keep passwords as it does.

* ``username`` is the DN that binds, and the entry whose password it is: no search, so that nobody can lead a rotation
  to another entry.
* TLS is verified unless the secret says otherwise, by StartTLS, or from the first byte on the ports of LDAPS.
* ``userPassword`` has many values: two passwords at once are two of them. They are written as hashes and told by
  verifying them, so that the values of other passwords are deleted as they stand.
* A single password is replaced by RFC 3062's operation: the directory applies its rules and hashes it by itself. It
  travels as it is, as it does in every bind, and the directory's logs and overlays see the hash.
* Referrals are not followed: a replica that refuses a change says so, and the primary is to be named. Replicas that
  the secret names must know a new password before it becomes current.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.engines.ldap.replicas import REPLICAS_KEY, replica_faults
from detent.functions.engines.ldap.session import LdapSession, logged_in
from detent.functions.tls import TLS_KEYS, tls_faults

DIRECTORY_KEYS: Final[Mapping[str, str]] = {
    "ldaps": "true: TLS from the first byte; false: by StartTLS. Missing: true on the ports 636 and 3269",
    **REPLICAS_KEY,
    **TLS_KEYS,
}

_ADMIN: Final = (
    "dn: {admin}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\nuserPassword: …",
    'olcAccess: to dn.base="{user}" attrs=userPassword by dn.base="{admin}" =w by anonymous auth',
)

FACTS: Final = Facts(
    names=("ldap", "openldap"),
    default_port=389,
    run_against=("OpenLDAP 2.5",),
    example={
        "engine": "ldap",
        "host": "ldap.example.com",
        "port": 389,
        "username": "uid=app,ou=services,dc=example,dc=com",
        "password": "…",
    },
    session=LdapSession,
    keys=DIRECTORY_KEYS,
    privileges={
        "single-user": Privileges(
            own=('olcAccess: to dn.base="{user}" attrs=userPassword by self =xw by anonymous auth',),
            admin=_ADMIN,
        ),
        "dual-password": Privileges(  # the stored values are read, too
            own=('olcAccess: to dn.base="{user}" attrs=userPassword by self write by anonymous auth',),
            admin=(_ADMIN[0], _ADMIN[1].replace('"{admin}" =w', '"{admin}" write')),
        ),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log="Its log names the entry; the overlays auditlog and accesslog keep the hash, and never the password.",
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check that the user is a DN, and the keys of every directory."""
    user = value.get("username")
    found = []
    if isinstance(user, str) and user and "=" not in user:
        found.append(f'"username" must be the DN that binds, such as {FACTS.example["username"]}, not {user!r}')
    return found + directory_faults(value)


def directory_faults(value: Mapping[str, Any]) -> list[str]:
    """Check the keys that all directories have."""
    found = [] if isinstance(value.get("ldaps", False), bool) else ['"ldaps" must be true or false']
    return found + replica_faults(value) + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> LdapSession:
    """Log in once, within the remaining time."""
    return logged_in(login, remaining)
