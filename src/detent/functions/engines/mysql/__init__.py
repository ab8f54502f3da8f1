"""MySQL 8.0.14 and later, and Aurora MySQL 3.

No server of it was at hand: the statements are from the manual of 8.4 and are tested on a scripted server only.

* TLS is verified (``verify-full``) unless the secret says otherwise; on loopback it is taken when offered. A verified
  or required mode never falls back to plaintext.
* A login is by ``caching_sha2_password`` or ``mysql_native_password``. The server gets a new password as it is: a hash
  would pass its rules by, and cannot be set beside the current one. The manual says that it hides passwords in every
  log of its own (``--log-raw`` and audit plug-ins apart), so what protects it on the way is TLS. Where the secret wants
  none, caching_sha2_password sends it under a key that the server names, and nothing verifies that.
* An account is a name and a host pattern. An admin secret changes all accounts of the user's name, the user itself
  only the one that its login matched.
* Two passwords at once are the server's own (RETAIN CURRENT PASSWORD). It keeps one beside the current one; which is
  which is told by their hashes, so that the one that works is never pushed out.
* A clone has the accounts, the options, the default roles and the grants of its original, made equal at each rotation.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.mysql.admission import PLUGINS, admitted
from detent.functions.engines.mysql.failures import unreachable
from detent.functions.engines.mysql.session import MysqlSession
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
    names=("mysql", "aurora-mysql"),
    default_port=3306,
    example={
        "engine": "mysql",
        "host": "db.example.com",
        "port": 3306,
        "username": "app",
        "password": "…",
        "dbname": "app",
    },
    session=MysqlSession,
    keys={"dbname": "the database to log into; none where it is missing", **TLS_KEYS},
    privileges={
        "single-user": Privileges(own=(), admin=_ADMIN),
        # With APPLICATION_PASSWORD_ADMIN a user may add its own, but cannot see which one it would push out.
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
    server_log=(
        "It gets the password itself, and hides it in each of its logs, says the manual, but for --log-raw; audit "
        "plug-ins may show it."
    ),
    longest_name=32,
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check dbname and the keys of TLS."""
    database = [] if isinstance(value.get("dbname", ""), str) else ['"dbname" must be text']
    return database + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> MysqlSession:
    """Log in once, within the remaining time."""
    try:
        import pymysql  # noqa: F401, PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver PyMySQL is not installed: pip install 'detent[mysql]'") from None
    address = reachable_address(login.host, login.port, time_limit(remaining))
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    context = None if mode == "disable" else context_for(login.settings, mode)
    outcome = opened(login, address, context, time_limit(remaining), PLUGINS)
    if mode == PREFER and offers_no_tls(outcome):  # the server said so before it was told anything
        outcome = opened(login, address, None, time_limit(remaining), PLUGINS)
    if isinstance(outcome, Exception):
        raise unreachable(outcome, mode)
    admitted(outcome, login, mode)
    return MysqlSession(outcome, login, remaining)
