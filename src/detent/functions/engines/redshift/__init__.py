"""Amazon Redshift, by AWS's own driver: clusters and workgroups, users with passwords.

No server of it can be had here: the statements are from AWS's manual and are tested on a scripted server only.
Unconfirmed above all: that the salt of ``sha256|digest|salt`` is hashed as bytes and written in hexadecimal, which is
what the driver computes at a login.

* TLS is verified. The driver trusts Redshift's own CAs, which it brings, and the system's; it knows no TLS that is not
  verified and takes no further CA. On loopback, where a tunnel ends, the CA is verified and the name is not.
* The server gets a salted SHA-256 of a password, so its rules about clear passwords do not see one.
* A pair has the roles and groups of its original. Rights given to a user directly are not copied but told, and the
  pending user is not proven while it lacks any: give them to a role.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.redshift.failures import classified
from detent.functions.engines.redshift.session import RedshiftSession
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import NAMED, PREFER, TLS_KEYS, tls_faults, tls_mode

if TYPE_CHECKING:
    from redshift_connector.core import Connection

_DATABASE: Final = "dev"  # AWS: its template's
_ADMIN: Final = (
    "CREATE USER {admin} PASSWORD '…'",
    "GRANT ROLE sys:secadmin TO {admin}",  # users and roles, but no data
    "GRANT ROLE sys:monitor TO {admin}",  # to see which roles {user} has
)

FACTS: Final = Facts(
    names=("redshift",),
    default_port=5439,
    example={
        "engine": "redshift",
        "host": "wg.123456789012.us-east-1.redshift-serverless.amazonaws.com",
        "port": 5439,
        "username": "app",
        "password": "…",
        "dbname": _DATABASE,
    },
    session=RedshiftSession,
    keys={
        "dbname": f"the database to log into; {_DATABASE} where it is missing",
        "ssl": TLS_KEYS["ssl"],
        "sslmode": "disable, verify-ca or verify-full",
    },
    privileges={
        "single-user": Privileges(own=(), admin=_ADMIN),
        "alternating-users": Privileges(own=None, admin=_ADMIN),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log="It gets a salted SHA-256: its logs and views of queries can hold the statement with that at most.",
    longest_name=127,
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check dbname and the keys of TLS, of which the driver takes fewer than others."""
    found = [] if isinstance(value.get("dbname", ""), str) else ['"dbname" must be text']
    if value.get("sslmode") == "require":
        found.append('"sslmode" must be verify-ca or verify-full: the driver knows no TLS that is not verified')
    if value.get("sslrootcert") is not None:
        found.append("\"sslrootcert\" is not taken: the driver brings Redshift's CAs and trusts the system's")
    return found + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> RedshiftSession:
    """Log in once, within the remaining time."""
    try:
        import redshift_connector  # noqa: F401, PLC0415 - an optional driver
    except ImportError:
        cure = "the driver redshift-connector is not installed: pip install 'detent[redshift]'"
        raise EngineUnavailable(cure) from None
    address = reachable_address(login.host, login.port, time_limit(remaining))
    mode = _mode(login.settings, address)
    try:
        connection = _opened(login, address, mode, time_limit(remaining))
    except Exception as error:  # noqa: BLE001 - what is no such server makes the driver raise anything
        failed = error
    else:
        return RedshiftSession(connection, login, remaining)
    raise classified(failed, mode)


def _mode(value: Mapping[str, Any], address: str) -> str:
    mode = tls_mode(value, loopback=is_loopback(address))
    return "verify-ca" if mode == PREFER else mode


def _opened(login: Login, address: str, mode: str, wait: float) -> "Connection":
    import redshift_connector  # noqa: PLC0415 - an optional driver

    connection = redshift_connector.connect(
        # The driver resolves a name itself. Where TLS checks the name, whatever else answers learns nothing.
        host=login.host if mode == NAMED else address,
        port=login.port,
        user=login.username,
        password=login.password.reveal(),
        database=login.settings.get("dbname") or _DATABASE,
        ssl=mode != "disable",
        sslmode="verify-full" if mode == NAMED else "verify-ca",
        timeout=wait,  # type: ignore[arg-type]  # seconds as the socket takes them
        application_name="detent-rotation",
    )
    connection.autocommit = True
    return connection
