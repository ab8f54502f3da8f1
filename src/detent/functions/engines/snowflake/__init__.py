"""Snowflake: the key pairs of one user, who has room for two (RSA_PUBLIC_KEY and RSA_PUBLIC_KEY_2).

No Snowflake was at hand: statements and error numbers are the manual's, errors the driver's own classes. Unconfirmed
on a live one: what an owner's role sees by DESCRIBE USER, and the numbers of refused logins other than 390144.

* The session makes the pair, and the private key goes nowhere but into the new value. So no key is ever sent.
* Which keys a rotation made is written into the user's COMMENT, after what people wrote there and in the very
  statement that sets the key: it needs OWNERSHIP of the user.
* ``username`` must be both the user's name and its login name, as it is unless somebody made them differ.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.snowflake.failures import rejection
from detent.functions.engines.snowflake.pairs import read
from detent.functions.engines.snowflake.session import SnowflakeSession
from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.handshake import require_answer
from detent.functions.outbound import reachable_address

_DOMAIN: Final = ".snowflakecomputing.com"
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=")
_ROTATES: Final = (
    "CREATE ROLE IF NOT EXISTS DETENT_ROTATION",
    "GRANT OWNERSHIP ON USER {user} TO ROLE DETENT_ROTATION COPY CURRENT GRANTS",
)

FACTS: Final = Facts(
    names=("snowflake",),
    default_port=443,
    example={
        "engine": "snowflake",
        "host": "myorg-myaccount.snowflakecomputing.com",
        "username": "APP",
        "public_key_fp": "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "private_key": "-----BEGIN PRIVATE KEY-----…",
    },
    session=SnowflakeSession,
    keys={
        "public_key_fp": "the public key's fingerprint, as DESCRIBE USER shows it: SHA256:…",
        "private_key": "the private key as PEM text (PKCS #8), without a passphrase",
        "account": "the account's identifier; what stands before .snowflakecomputing.com in the host if it is missing",
        "role": "the role to take; the user's default role where it is missing",
        "warehouse": "the warehouse in which probes run",
        "dbname": "the database in which probes run",
    },
    privileges={
        "issued-keys": Privileges(
            own=(*_ROTATES, "GRANT ROLE DETENT_ROTATION TO USER {user}"),
            admin=(
                *_ROTATES,
                "CREATE USER {admin} TYPE = SERVICE DEFAULT_ROLE = DETENT_ROTATION RSA_PUBLIC_KEY = '…'",
                "GRANT ROLE DETENT_ROTATION TO USER {admin}",
            ),
        ),
    },
    open_connections="They stay open, whichever key they were made with.",
    server_log="It gets public keys only: its history of queries shows the statements with those.",
    password_key="private_key",
    key_id="public_key_fp",
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check the form of the fingerprint and of the key, and the names."""
    found = []
    named, key = value.get("public_key_fp"), value.get("private_key")
    if isinstance(named, str) and named and not _FINGERPRINT.fullmatch(named):
        found.append('"public_key_fp" must be a fingerprint, as DESCRIBE USER shows it: SHA256:…')
    if isinstance(key, str) and key and not key.startswith("-----BEGIN PRIVATE KEY-----"):
        found.append('"private_key" must be PEM text (PKCS #8), without a passphrase')
    return found + [
        f'"{part}" must be text'
        for part in ("account", "role", "warehouse", "dbname")
        if not isinstance(value.get(part, ""), str)
    ]


def connect(login: Login, remaining: Remaining) -> SnowflakeSession:
    """Log in once, within the remaining time."""
    try:
        import snowflake.connector as driver  # noqa: PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable(
            "the driver snowflake-connector-python is not installed: pip install 'detent[snowflake]'"
        ) from None
    wait = time_limit(remaining)
    address = reachable_address(login.host, login.port, wait)
    require_answer(login, address, "disable", wait)  # the driver itself would try again and again
    key = _signing(login)
    try:
        connection = driver.connect(**_options(login, wait), private_key=key)
    except driver.Error as error:
        failure = rejection(error)
    else:
        return SnowflakeSession(connection, login, remaining)
    raise failure


def _signing(login: Login) -> bytes:
    """Give the private key for the driver. A value whose two parts do not belong together can log in nobody."""
    found = read(login.password)
    if found is None:
        raise LoginRejected('login refused: "private_key" is no RSA key as PEM text (PKCS #8)', "")
    der, fingerprint = found
    if fingerprint != login.settings["public_key_fp"]:
        raise LoginRejected('login refused: "public_key_fp" is not the fingerprint of "private_key"', "")
    return der


def _options(login: Login, wait: float) -> dict[str, Any]:
    settings, seconds = login.settings, max(1, int(wait))
    wished = {"role": "role", "warehouse": "warehouse", "dbname": "database"}
    return {
        "account": settings.get("account") or login.host.removesuffix(_DOMAIN),
        "host": login.host,
        "port": login.port,
        "user": login.username,
        "authenticator": "SNOWFLAKE_JWT",
        "application": "detent-rotation",
        "login_timeout": seconds,
        "request_timeout": seconds,
        "query_timeout": seconds,
        "enable_server_session_keep_alive_auto_detection": False,  # a session is ended when it is closed
        "platform_detection_timeout_seconds": 0.0,  # it would ask the cloud's metadata service where it runs
        **{option: settings[key] for key, option in wished.items() if settings.get(key)},
    }
