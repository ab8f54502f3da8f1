"""PostgreSQL 10 and later, and what speaks its protocol.

* TLS is verified (``verify-full``) unless the secret says otherwise; on loopback it is taken when offered. A verified
  mode never falls back to plaintext.
* The server gets a SCRAM verifier, never the password: nothing readable stands in its log or its statistics. That is
  so too where ``password_encryption = md5``: the server keeps the verifier and then speaks SCRAM with this role, so
  clients older than PostgreSQL 10 are left out.
* psycopg gives no SQLSTATE for a connection that failed (3.3), so its causes are told apart by the server's English
  texts; a server that speaks another language is classified by whether it had asked for the password.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, LiteralString

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.passwords import Password
from detent.functions.tls import VERIFIED, root_certificates, tls_faults, tls_mode

if TYPE_CHECKING:
    import psycopg

NAMES: Final = ("postgres", "aurora-postgresql")
DEFAULT_PORT: Final = 5432
EXAMPLE: Final[Mapping[str, Any]] = {
    "engine": "postgres",
    "host": "db.example.com",
    "port": 5432,
    "username": "app",
    "password": "…",
    "dbname": "postgres",
}

_SHORTEST_WAIT: Final = 2.0  # libpq takes no shorter connect timeout
_SCRAM_SINCE: Final = 100000
_GUARDS_SINCE: Final = 160000  # libpq's

# PostgreSQL: texts of 15 and 18, libpq's of 18. Rejected: another candidate may do. Unusable: no candidate would.
_REJECTED: Final = {
    "password authentication failed": (
        "login refused: wrong password, no such role, or the role's VALID UNTIL has passed "
        "(PostgreSQL does not tell which)"
    ),
    "is not permitted to log in": "the role may not log in: ALTER ROLE … LOGIN",
    "role … does not exist": "login refused: there is no such role",
    "authentication failed for user": "login refused by the server's authentication method",
}
_UNUSABLE: Final = {
    "no pg_hba.conf entry": "the server's pg_hba.conf does not admit this user, database and address",
    "pg_hba.conf rejects": "the server's pg_hba.conf rejects this user, database and address",
    "database … does not exist": 'the database does not exist: correct "dbname" in the secret',
    "permission denied for database": "the role may not connect to the database: GRANT CONNECT ON DATABASE …",
    "not currently accepting connections": 'the database accepts no connections: correct "dbname" in the secret',
    "too many clients": "too many connections on the server",
    "too many connections": "too many connections for this role or database",
    "connection slots are reserved": "too many connections on the server",
    "starting up": "the server is starting up",
    "shutting down": "the server is shutting down",
    "server does not support SSL": (
        'the server offers no TLS: turn it on there, or allow plaintext with "ssl": false in the secret'
    ),
    "does not match host name": (
        "the server's certificate is for another name: use the name it was made for as host, "
        'or check the CA only with "sslmode": "verify-ca"'
    ),
    "certificate": (
        "the server's certificate was not accepted: give its CA (PEM text) as "
        '"sslrootcert" in the secret, or allow plaintext with "ssl": false'
    ),
    "authentication method requirement": (
        "the server asks for the password in clear over a connection that is not verified: "
        'let TLS verify it ("ssl": true) or use SCRAM on the server'
    ),
    "SSL error": 'TLS failed: check the server\'s TLS settings, or allow plaintext with "ssl": false',
    "Connection refused": "unreachable: nothing listens on that port",
    "No route to host": "unreachable: no route to the host",
    "Network is unreachable": "unreachable: no route to the network",
    "timeout expired": "no answer in time: check the address, the port and firewalls",
    "timed out": "no answer in time: check the address, the port and firewalls",
    "server closed the connection": "the server closed the connection",
}

_NO_PLAINTEXT: Final = 'the server takes no plaintext connection from here: remove "ssl": false (pg_hba.conf)'
# Such a login proves nothing: whoever may write a secret could have any role of that server changed.
_NO_PASSWORD_ASKED: Final = (
    "the server lets this user in without asking for the password (trust in pg_hba.conf), so none can be proven: "
    "use scram-sha-256 there"
)
_ADMIN_CURE: Final = (
    "it needs CREATEROLE, from PostgreSQL 16 on also GRANT <that role> TO <this one> WITH ADMIN OPTION; "
    "only a superuser changes a superuser's"
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check dbname and the keys of TLS."""
    database = [] if isinstance(value.get("dbname", ""), str) else ['"dbname" must be text']
    return database + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> "PostgresSession":
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
        failure = EngineUnavailable(_UNUSABLE["timeout expired"], mode)
    except psycopg.Error as error:
        failure = _classified(error, login, mode)
    else:
        if connection.pgconn.used_password:
            return PostgresSession(connection, login, remaining)
        connection.close()
        failure = EngineUnavailable(_NO_PASSWORD_ASKED, mode)
    raise failure


class PostgresSession:
    """One connection. Each verb is one round trip and one transaction, so that poolers keep nothing of it."""

    def __init__(self, connection: "psycopg.Connection[Any]", login: Login, remaining: Remaining) -> None:
        self._connection = connection
        self._login = login
        self._remaining = remaining

    def ping(self) -> None:
        """Run SELECT 1."""
        self._run("SELECT 1")

    def change_own_password(self, new: Password) -> None:
        """Change it as the login role itself, also where ``ALTER ROLE … SET role`` makes the session act as another."""
        self._run("SET LOCAL ROLE NONE; ALTER ROLE {user} PASSWORD {verifier}", self._login.username, new)

    def set_password(self, user: str, new: Password) -> None:
        """Change another role's; from PostgreSQL 16 on that needs CREATEROLE and ADMIN OPTION on the role."""
        self._refuse_unusable_role(user)
        self._run("ALTER ROLE {user} PASSWORD {verifier}", user, new)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _run(self, statement: LiteralString, user: str = "", new: Password | None = None) -> None:
        import psycopg  # noqa: PLC0415 - an optional driver
        from psycopg import sql  # noqa: PLC0415

        limits: LiteralString = "SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = {limit}; "
        failure: ChangeRefused | EngineUnavailable
        try:
            query = sql.SQL(limits + statement).format(
                limit=sql.Literal(int(time_limit(self._remaining) * 1000)),
                user=sql.Identifier(user),
                verifier=sql.Literal(self._verifier(user, new) if new else ""),
            )
            self._connection.execute(query)
        except psycopg.Error as error:
            failure = _refusal(error, user, self._login.username)
        else:
            return
        raise failure

    def _verifier(self, user: str, new: Password) -> str:
        """Let libpq compute it (4096 rounds, 16 bytes of salt): its SASLprep is the one used at login."""
        if self._connection.info.server_version < _SCRAM_SINCE:
            raise ChangeRefused("this server is older than PostgreSQL 10 and knows no SCRAM: upgrade it")
        encoded = self._connection.pgconn.encrypt_password(
            new.reveal().encode(), user.encode(), b"scram-sha-256"
        )  # fmt: skip
        return encoded.decode()

    def _refuse_unusable_role(self, user: str) -> None:
        import psycopg  # noqa: PLC0415 - an optional driver

        query = (
            "SELECT rolcanlogin, coalesce(rolvaliduntil <= pg_catalog.now(), false)"
            " FROM pg_catalog.pg_roles WHERE rolname = %s"
        )
        failure: ChangeRefused | EngineUnavailable
        try:
            row = self._connection.execute(query, [user]).fetchone()
        except psycopg.Error as error:
            failure = _refusal(error, user, self._login.username)
        else:
            match row:
                case None:
                    failure = ChangeRefused(f"there is no role {user!r} on the server")
                case (False, _):
                    failure = ChangeRefused(f"the role {user!r} may not log in: ALTER ROLE … LOGIN")
                case (_, True):
                    failure = ChangeRefused(
                        f"the VALID UNTIL of the role {user!r} has passed, so no password of it works: "
                        "ALTER ROLE … VALID UNTIL 'infinity'"
                    )
                case _:
                    return
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


def _classified(error: "psycopg.Error", login: Login, mode: str) -> LoginRejected | EngineUnavailable:
    said = str(error).replace(f'"{login.username}"', "…").replace(f'"{login.settings.get("dbname")}"', "…")
    for phrase, reason in _REJECTED.items():
        if phrase in said:
            return LoginRejected(reason, mode)
    if mode == "disable" and "no encryption" in said:
        return EngineUnavailable(_NO_PLAINTEXT, mode)
    for phrase, reason in _UNUSABLE.items():
        if phrase in said:
            return EngineUnavailable(reason, mode)
    if error.pgconn and error.pgconn.used_password:
        return LoginRejected(f"login refused; the server said: {said}", mode)
    return EngineUnavailable(f"not usable; the driver said: {said}", mode)


def _refusal(error: "psycopg.Error", user: str, by: str) -> ChangeRefused | EngineUnavailable:
    state = error.sqlstate or ""
    if state == "57014":
        return EngineUnavailable("the statement was not done in time")
    if state[:2] in {"", "08", "53", "57"}:
        return EngineUnavailable(f"the connection was lost ({state or type(error).__name__})")
    match state:
        case "42501":
            detail = error.diag.message_detail or error.diag.message_primary or ""
            whose = "its own password" if by == user else f"the password of {user!r}: {_ADMIN_CURE}"
            return ChangeRefused(f"{by!r} may not change {whose} (the server said: {detail})")
        case "42704":
            return ChangeRefused(f"there is no role {user!r} on the server")
        case "25006":
            return ChangeRefused("the server is a read-only replica: the host must be the primary")
    return ChangeRefused(f"the server refused the change: {error.diag.message_primary} (SQLSTATE {state})")
