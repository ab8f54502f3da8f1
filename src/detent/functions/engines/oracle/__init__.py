"""Oracle Database 12.2 and later, by the thin mode of Oracle's own driver, which needs no client software.

No server of it was at hand: the statements are from the manual and are tested on a scripted server only. Run against
real sockets are the driver's TLS and how it meets a server that is away or silent.

* TLS (``tcps``) is verified unless the secret says otherwise. A listener has ports of their own for it, so without a
  wish on loopback there is none. No mode falls back to plaintext.
* The server gets a new password as it is, in the statement: it takes no hash. The manual says that its audit trail
  shows none; without TLS it can be read on the way.
* Names are as the server reads them: in capitals, but for those in double quotes.
* Two passwords at once are gradual rollover (19.12 and 21c on), for as long as the user's profile says: see that
  PASSWORD_ROLLOVER_TIME is longer than the time from one rotation to the next.
* A clone has the profile, tablespaces, quotas, roles, system and object privileges of its original, made equal at each
  rotation. Rights on columns and proxies are not copied but told, and the pending user is not proven while it differs.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.oracle.driver import opened
from detent.functions.engines.oracle.failures import classified
from detent.functions.engines.oracle.session import OracleSession
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.passwords import PasswordRules
from detent.functions.tls import PREFER, TLS_KEYS, tls_faults, tls_mode

_ADMIN: Final = (
    'CREATE USER {admin} IDENTIFIED BY "…"',
    "GRANT CREATE SESSION, ALTER USER, SELECT_CATALOG_ROLE TO {admin}",  # power over every user but SYS
)

FACTS: Final = Facts(
    names=("oracle",),
    default_port=1521,
    example={
        "engine": "oracle",
        "host": "db.example.com",
        "port": 1521,
        "username": "APP",
        "password": "…",
        "dbname": "ORCLPDB1",
    },
    session=OracleSession,
    keys={
        "dbname": "the service's name",
        "sid": "the instance's SID, where there is no service's name",
        **TLS_KEYS,
    },
    privileges={
        "single-user": Privileges(own=(), admin=_ADMIN),
        "dual-password": Privileges(
            own=None,
            admin=(
                *_ADMIN,
                "CREATE PROFILE {user}_ROLLOVER LIMIT PASSWORD_ROLLOVER_TIME 30",  # days; or add it to the profile
                "ALTER USER {user} PROFILE {user}_ROLLOVER",
            ),
        ),
        "alternating-users": Privileges(
            own=None,
            admin=(
                *_ADMIN,
                "GRANT CREATE USER, GRANT ANY ROLE, GRANT ANY PRIVILEGE, GRANT ANY OBJECT PRIVILEGE TO {admin}",
            ),
        ),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log=(
        "It gets the password itself; the audit trail shows asterisks in its place, says the manual; triggers of your "
        "own may hold it."
    ),
    passwords=PasswordRules(length=30),  # as many bytes as 12c and 19c take
    longest_name=128,
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check where to log in, and the keys of TLS."""
    found = [f'"{key}" must be text' for key in ("dbname", "sid") if not isinstance(value.get(key, ""), str)]
    if not value.get("dbname") and not value.get("sid"):
        found.append('"dbname" is missing, the name of the service')
    return found + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> OracleSession:
    """Log in once, within the remaining time."""
    try:
        import oracledb  # noqa: F401, PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver oracledb is not installed: pip install 'detent[oracle]'") from None
    address = reachable_address(login.host, login.port, time_limit(remaining))
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    mode = "disable" if mode == PREFER else mode
    try:
        connection = opened(login, address, mode, time_limit(remaining))
    except Exception as error:  # noqa: BLE001 - what is no such server makes the driver raise anything
        failed = error
    else:
        return OracleSession(connection, login, remaining)
    raise classified(failed, mode)
