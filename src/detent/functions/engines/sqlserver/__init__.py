"""SQL Server 2012 and later, Azure SQL: logins, and the users of contained databases, with passwords.

No server of it was at hand: the statements are from the manual and are tested on a scripted server only; unconfirmed is
all that a test of a live server would show, the driver's behaviour on an unreachable one apart.

* TLS is verified (``verify-full``) unless the secret says otherwise; on loopback it is taken when offered. FreeTDS,
  which is in the driver, is told so by a file of its own kind. A verified or required mode never falls back.
* The server gets a new password as it is: where CHECK_POLICY is on, as it is by default, it takes no hash. The manual
  says that traces and events show no text that holds one; what protects it on the way is TLS.
* An own change tells the server the password that this very connection was made with.
* A pair has the same options, server roles and, in the one database that the admin secret logs into, default schema and
  roles. Rights given to a login or user directly are not copied but told, and the pending login is not proven while it
  lacks any: give them to a role. Other databases and other replicas are the operator's.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.sqlserver.driver import opened
from detent.functions.engines.sqlserver.failures import classified
from detent.functions.engines.sqlserver.session import SqlserverSession
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import TLS_KEYS, tls_faults, tls_mode

_ADMIN: Final = (
    "CREATE LOGIN {admin} WITH PASSWORD = '…'",
    "GRANT ALTER ANY LOGIN TO {admin}",  # but for sysadmins and who has CONTROL SERVER: those need as much
)

FACTS: Final = Facts(
    names=("sqlserver",),
    default_port=1433,
    example={
        "engine": "sqlserver",
        "host": "db.example.com",
        "port": 1433,
        "username": "app",
        "password": "…",
        "dbname": "app",
    },
    session=SqlserverSession,
    keys={"dbname": "the database to log into, in which a pair is kept alike; master where it is missing", **TLS_KEYS},
    privileges={
        "single-user": Privileges(own=(), admin=_ADMIN),
        "alternating-users": Privileges(
            own=None,
            admin=(
                *_ADMIN,
                "GRANT ALTER ANY SERVER ROLE TO {admin}",
                "CREATE USER {admin} FOR LOGIN {admin}",  # from here on in the database
                "GRANT ALTER ANY USER TO {admin}",
                "GRANT ALTER ANY ROLE TO {admin}",
                "GRANT VIEW DEFINITION TO {admin} /* to see the roles of {user} */",
            ),
        ),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log=(
        "It gets the password itself; traces and extended events show no text that holds one, says the manual; "
        "triggers of your own may."
    ),
    longest_name=128,
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check dbname and the keys of TLS."""
    database = [] if isinstance(value.get("dbname", ""), str) else ['"dbname" must be text']
    return database + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> SqlserverSession:
    """Log in once, within the remaining time."""
    try:
        import pymssql  # noqa: F401, PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver pymssql is not installed: pip install 'detent[sqlserver]'") from None
    address = reachable_address(login.host, login.port, time_limit(remaining))
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    try:
        connection = opened(login, address, mode, time_limit(remaining))
    except Exception as error:  # noqa: BLE001 - what is no such server makes the driver raise anything
        failed = error
    else:
        return SqlserverSession(connection, login, remaining)
    raise classified(failed, mode)
