"""RDS for Db2, whose users an admin secret's user changes by the procedures of the schema ``rdsadmin``.

No Db2 was at hand: statements are the manuals' (of Db2 11.5 and of RDS), errors the driver's own classes with the
manuals' texts. Unconfirmed on a live one: the rights that may be granted on the procedures to others than the
instance's master user, the texts by which these refuse, and that the driver takes a file of several CAs.

* Users are the operating system's, outside of RDS too: there no statement changes one, and none can change itself.
* A change is done a while after it is asked for, so it is waited for by logging in with the new password.
* Two users are kept alike by what they are members of: roles, authorities on the database, groups. Rights on single
  objects are not copied; a user that has such is refused, with the statements that make a role of them.
* The driver's connection string has no way to write some characters, so values with these are refused.
* ``ibm_db_dbi.debug()`` writes connection strings down, passwords too; it is off unless somebody calls it.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.engines.db2.driver import logged_in, unwritable
from detent.functions.engines.db2.session import Db2Session
from detent.functions.tls import TLS_KEYS, tls_faults

_MAKE: Final = "CALL rdsadmin.add_user('{admin}', '…', '')"
_CONNECT: Final = 'GRANT CONNECT ON DATABASE TO USER "{admin}"'
_PASSWORDS: Final = 'GRANT EXECUTE ON PROCEDURE RDSADMIN.CHANGE_PASSWORD TO USER "{admin}"'

FACTS: Final = Facts(
    names=("db2",),
    default_port=50000,
    example={
        "engine": "db2",
        "host": "db.example.com",
        "port": 50000,
        "username": "app",
        "password": "…",
        "dbname": "SHOP",
        "masterarn": "arn:aws:secretsmanager:…",
    },
    session=Db2Session,
    keys={
        "dbname": "the database to log into, which must be named; the admin secret's too",
        **TLS_KEYS,
        "ssl": "true: TLS, verified in full; false: none. Missing: verified in full, on loopback none",
    },
    # or the instance's master user, who may all of it
    privileges={
        "single-user": Privileges(own=None, admin=(_MAKE, _CONNECT, _PASSWORDS)),
        "alternating-users": Privileges(
            own=None,
            admin=(
                _MAKE,
                _CONNECT,
                _PASSWORDS,
                'GRANT EXECUTE ON PROCEDURE RDSADMIN.ADD_USER TO USER "{admin}"',
                'GRANT EXECUTE ON PROCEDURE RDSADMIN.ADD_GROUPS TO USER "{admin}"',
                'GRANT EXECUTE ON PROCEDURE RDSADMIN.REMOVE_GROUPS TO USER "{admin}"',
                'GRANT SECADM ON DATABASE TO USER "{admin}"',  # roles and authorities are granted by it
            ),
        ),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log="It gets the password itself, as a parameter; traces of the driver or of the server may show it.",
    longest_name=128,
    settle_seconds=30,
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check dbname, what would be put into a connection string, and the keys of TLS."""
    database = value.get("dbname")
    found = [] if isinstance(database, str) and database else ['"dbname" must name the database to log into']
    found += [
        f'"{key}" must hold none of ; {{ }} = " \' , and no blank at either end: the driver cannot be given it'
        for key in ("host", "dbname", "username", "password")
        if isinstance(value.get(key), str) and unwritable(value[key])
    ]
    return found + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> Db2Session:
    """Log in once, within the remaining time."""
    return Db2Session(logged_in(login, remaining), login, remaining)
