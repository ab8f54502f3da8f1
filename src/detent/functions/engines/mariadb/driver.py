"""PyMySQL, held to what a rotation needs: one checked address, no clear password, a known dialect of SQL."""

import contextlib
import socket
import ssl
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from detent.functions.engines import Login
from detent.functions.engines.mariadb.failures import NO_TLS, UNPROVEN, WRONG_SERVER, unreachable
from detent.functions.errors import EngineUnavailable

if TYPE_CHECKING:
    from pymysql.connections import Connection

_PROVING: Final = frozenset({"mysql_native_password", "client_ed25519"})  # by challenge and response

# How the driver quotes must be how the server reads; how the server quotes must be how grants are read here. A GRANT
# must never make an account.
_DIALECT: Final = (
    "SET SESSION max_statement_time = {seconds}, sql_quote_show_create = 1,"
    " sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER'"
)
_WHO: Final = "SELECT CURRENT_USER(), /*M!100400 1 + */ 0"  # MariaDB 10.4 and later run what is in the comment


def opened(login: Login, address: str, context: ssl.SSLContext | None, wait: float) -> "Connection[Any] | Exception":
    """Log in at the address, as the name for TLS. Gives the driver's error back, that none hangs on ours."""
    try:
        connection = _proving_connection()(
            host=login.host,
            port=login.port,
            user=login.username,
            password=login.password.reveal().encode(),
            database=login.settings.get("dbname") or None,
            ssl=context,
            ssl_disabled=context is None,
            charset="utf8mb4",
            autocommit=True,
            read_timeout=wait,
            write_timeout=wait,
            program_name="detent-rotation",
            auth_plugin_map=_Refusals(),
            defer_connect=True,
        )
        connection.connect(socket.create_connection((address, login.port), wait))
    except Exception as error:  # noqa: BLE001 - what is no MariaDB makes the driver raise anything
        return error
    return connection


def admitted(connection: "Connection[Any]", login: Login, mode: str) -> None:
    """Set the session up. Refuses, and closes, where another account than the login's was let in."""
    failure: Exception | None = None
    try:
        run(connection, _DIALECT.format(seconds=connection._read_timeout))  # noqa: SLF001 - what opened() gave it
        ((account, known),) = run(connection, _WHO)
        if not known:
            failure = EngineUnavailable(WRONG_SERVER, mode)
        elif account.rpartition("@")[0] != login.username:
            failure = EngineUnavailable(UNPROVEN, mode)
    except Exception as error:  # noqa: BLE001 - as above
        failure = unreachable(error, mode)
    if failure:
        closed(connection)
        raise failure


def run(connection: "Connection[Any]", statement: str) -> tuple[tuple[Any, ...], ...]:
    """Run a statement as it is written and give its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return tuple(cursor.fetchall())


def limit(connection: "Connection[Any]", seconds: float) -> None:
    """Wait no longer for the next answer."""
    # The driver takes a time limit for the whole connection only, and a step's time grows short.
    connection._read_timeout = connection._write_timeout = seconds  # noqa: SLF001


def closed(connection: "Connection[Any]") -> None:
    """End the connection, whatever state it is in."""
    with contextlib.suppress(Exception):
        connection.close()


class _Refusals:
    """What the driver asks for plug-ins: all that would send the password itself are refused, TLS or not."""

    def get(self, name: str | bytes) -> "type[_Refused] | None":
        plain = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        return None if plain in _PROVING else _Refused


class _Refused:
    def __init__(self, _: "Connection[Any]") -> None:
        raise EngineUnavailable(
            "the server asks for a way to log in by which the password would be sent, or which is not rotated: let "
            "the account use it by ALTER USER … IDENTIFIED VIA mysql_native_password"
        )


@cache
def _proving_connection() -> "type[Connection[Any]]":
    from pymysql.connections import Connection  # noqa: PLC0415 - an optional driver
    from pymysql.constants import CLIENT  # noqa: PLC0415
    from pymysql.err import OperationalError  # noqa: PLC0415

    class ProvingConnection(Connection):  # type: ignore[type-arg,misc,unused-ignore]
        def _get_server_information(self) -> None:
            super()._get_server_information()
            if self.ssl and not self.server_capabilities & CLIENT.SSL:  # PyMySQL 1.1 would go on in plaintext
                raise OperationalError(NO_TLS, "the server offers no TLS")
            # A greeting may name a plug-in for which the driver would send the password before it asks _Refusals.
            self._auth_plugin_name = "mysql_native_password"

    return ProvingConnection
