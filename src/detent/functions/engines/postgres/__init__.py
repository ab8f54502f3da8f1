"""PostgreSQL 10 and later, and what speaks its protocol.

* TLS is verified (``verify-full``) unless the secret says otherwise; on loopback it is taken when offered. A verified
  mode never falls back to plaintext.
* The server gets a SCRAM verifier, never the password: nothing readable stands in its log or its statistics. That is
  so too where ``password_encryption = md5``: the server keeps the verifier and then speaks SCRAM with this role, so
  clients older than PostgreSQL 10 are left out.
* A clone acts as its original (``ALTER ROLE … SET role``): what it makes belongs to the original, and it may do
  exactly what that may, without any grant being copied.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.postgres.failures import NO_ANSWER, NO_PASSWORD_ASKED, classified
from detent.functions.engines.postgres.session import PostgresSession
from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import TLS_KEYS, VERIFIED, root_certificates, tls_faults, tls_mode

_ADMIN: Final = (
    "CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD '…'",
    "GRANT {user} TO {admin} WITH ADMIN OPTION",  # PostgreSQL 15 and before do without
)

FACTS: Final = Facts(
    names=("postgres", "aurora-postgresql"),
    default_port=5432,
    run_against=("PostgreSQL 15", "PostgreSQL 18"),
    example={
        "engine": "postgres",
        "host": "db.example.com",
        "port": 5432,
        "username": "app",
        "password": "…",
        "dbname": "postgres",
    },
    session=PostgresSession,
    keys={"dbname": "the database to log into; postgres where it is missing", **TLS_KEYS},
    privileges={
        "single-user": Privileges(own=(), admin=_ADMIN),
        "alternating-users": Privileges(own=None, admin=_ADMIN),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log="It gets a SCRAM verifier: log_statement shows the statement with that, never the password.",
    longest_name=63,
)

_SHORTEST_WAIT: Final = 2.0  # libpq takes no shorter connect timeout
_GUARDS_SINCE: Final = 160000  # libpq's


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check dbname and the keys of TLS."""
    database = [] if isinstance(value.get("dbname", ""), str) else ['"dbname" must be text']
    return database + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> PostgresSession:
    """Log in once, within the remaining time."""
    try:
        import psycopg  # noqa: PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver psycopg is not installed: pip install 'detent[postgres]'") from None
    wait = time_limit(remaining)
    address = reachable_address(login.host, login.port, wait)
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    failure: LoginRejected | EngineUnavailable
    try:
        with _roots(login.settings, mode) as roots:
            connection = psycopg.connect(
                autocommit=True,
                host=login.host,
                hostaddr=address,
                port=login.port,
                user=login.username,
                password=login.password.reveal(),
                dbname=login.settings.get("dbname") or "postgres",
                application_name="detent-rotation",
                client_encoding="utf8",
                connect_timeout=int(max(wait, _SHORTEST_WAIT)),
                sslmode=mode,
                **roots,
                **_guards(mode),
            )
    except psycopg.errors.ConnectionTimeout:
        failure = EngineUnavailable(NO_ANSWER, mode)
    except psycopg.Error as error:
        failure = classified(error, login, mode)
    else:
        if connection.pgconn.used_password:
            return PostgresSession(connection, login, remaining)
        connection.close()
        failure = EngineUnavailable(NO_PASSWORD_ASKED, mode)
    raise failure


@contextmanager
def _roots(value: Mapping[str, Any], mode: str) -> Iterator[dict[str, Any]]:
    """Give libpq the CAs where it verifies, and where an own CA makes it verify (require)."""
    if mode in VERIFIED or (mode == "require" and value.get("sslrootcert") is not None):
        with root_certificates(value) as path:
            yield {"sslrootcert": path}
    else:
        yield {}


def _guards(mode: str) -> dict[str, Any]:
    """Show no client certificate of the host's account, nor the clear password to a server TLS has not verified."""
    import psycopg  # noqa: PLC0415 - an optional driver

    if psycopg.pq.version() < _GUARDS_SINCE:
        return {}
    return {"sslcertmode": "disable", **({} if mode in VERIFIED else {"require_auth": "!password"})}
