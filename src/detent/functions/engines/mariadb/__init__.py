"""MariaDB 10.4 and later.

* TLS is verified (``verify-full``) unless the secret says otherwise; on loopback it is taken when offered. A verified
  or required mode never falls back to plaintext.
* The server gets hashes, never a password: MariaDB writes statements down as they are, in the general log and mostly
  in the binary log. It is told a password by the driver's challenge and response only.
* An account is a name and a host pattern. An admin secret changes all accounts of the user's name, the user itself
  only the one that its login matched: MariaDB lets it do no more.
* Two passwords at once are two authentication rules of one account; its other rules stay as they are.
* A clone has the accounts, the options and the grants of its original, compared and made equal at each rotation.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.mariadb.driver import PROVING, admitted
from detent.functions.engines.mariadb.failures import unreachable
from detent.functions.engines.mariadb.session import MariadbSession
from detent.functions.errors import EngineUnavailable
from detent.functions.mysql_protocol.connection import opened
from detent.functions.mysql_protocol.failures import offers_no_tls
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import PREFER, TLS_KEYS, context_for, tls_faults, tls_mode

_ADMIN: Final = (
    "CREATE USER {admin} IDENTIFIED BY '…'",
    "GRANT CREATE USER ON *.* TO {admin}",  # which is power over every account: guard this secret as root's
    "GRANT SELECT ON mysql.* TO {admin}",
)

FACTS: Final = Facts(
    names=("mariadb",),
    default_port=3306,
    run_against=("MariaDB 10.11",),
    example={
        "engine": "mariadb",
        "host": "db.example.com",
        "port": 3306,
        "username": "app",
        "password": "…",
        "dbname": "app",
    },
    session=MariadbSession,
    keys={"dbname": "the database to log into; none where it is missing", **TLS_KEYS},
    privileges={
        "single-user": Privileges(own=(), admin=_ADMIN),
        "dual-password": Privileges(own=None, admin=_ADMIN),
        "alternating-users": Privileges(
            own=None,
            admin=(
                *_ADMIN,
                "GRANT SELECT, INSERT, UPDATE, DELETE ON app.* TO {admin} WITH GRANT OPTION /* all that {user} has */",
            ),
        ),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log="It gets a hash: the general and the binary log hold the statement with that, never the password.",
    # 10.11 takes 128 characters, of which those outside ASCII may have more bytes. Servers with room for 80 only
    # refuse a longer clone by themselves, and say so.
    longest_name=128,
)

_HIGHEST_OF_UTF8MB3: Final = "\uffff"


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check dbname, the keys of TLS, and that the server can tell the user's name from others."""
    found = [] if isinstance(value.get("dbname", ""), str) else ['"dbname" must be text']
    user = value.get("username")
    if isinstance(user, str) and any(letter > _HIGHEST_OF_UTF8MB3 for letter in user):
        found.append('"username" must not hold characters beyond U+FFFF: MariaDB keeps each of them as "?"')
    return found + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> MariadbSession:
    """Log in once, within the remaining time."""
    try:
        import pymysql  # noqa: F401, PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver PyMySQL is not installed: pip install 'detent[mariadb]'") from None
    address = reachable_address(login.host, login.port, time_limit(remaining))
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    context = None if mode == "disable" else context_for(login.settings, mode)
    outcome = opened(login, address, context, time_limit(remaining), PROVING)
    if mode == PREFER and offers_no_tls(outcome):  # the server said so before it was told anything
        outcome = opened(login, address, None, time_limit(remaining), PROVING)
    if isinstance(outcome, Exception):
        raise unreachable(outcome, mode)
    admitted(outcome, login, mode)
    return MariadbSession(outcome, login, remaining)
