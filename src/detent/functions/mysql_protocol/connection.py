"""PyMySQL, held to what a rotation needs: one checked address, and no way to log in that was not chosen."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from detent.functions.engines import Login
from detent.functions.errors import EngineUnavailable
from detent.functions.mysql_protocol.failures import NO_TLS

if TYPE_CHECKING:
    from pymysql.connections import Connection

Run = Callable[[str], Any]  # one statement as it is written; gives its rows


@dataclass(frozen=True, slots=True)
class Plugins:
    """The authentication plug-ins by which a login is tried; for any other ``cure`` is said."""

    names: frozenset[str]
    cure: str


def opened(
    login: Login, address: str, context: ssl.SSLContext | None, wait: float, plugins: Plugins
) -> "Connection[Any] | Exception":
    """Log in at the address, as the name for TLS. Gives the driver's error back, that none hangs on ours."""
    try:
        connection = _careful_connection()(
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
            auth_plugin_map=_Refusals(plugins),
            defer_connect=True,
        )
        connection.connect(socket.create_connection((address, login.port), wait))
    except Exception as error:  # noqa: BLE001 - what is no such server makes the driver raise anything
        return error
    return connection


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
    """What the driver asks for plug-ins: all that were not chosen are refused, TLS or not."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def get(self, name: str | bytes) -> "Callable[[Connection[Any]], object] | None":
        plain = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        return None if plain in self._plugins.names else self._refuse

    def _refuse(self, _: "Connection[Any]") -> object:
        raise EngineUnavailable(self._plugins.cure)


@cache
def _careful_connection() -> "type[Connection[Any]]":
    from pymysql.connections import Connection  # noqa: PLC0415 - an optional driver
    from pymysql.constants import CLIENT  # noqa: PLC0415
    from pymysql.err import OperationalError  # noqa: PLC0415

    class CarefulConnection(Connection):  # type: ignore[type-arg,misc,unused-ignore]
        def _get_server_information(self) -> None:
            super()._get_server_information()
            if self.ssl and not self.server_capabilities & CLIENT.SSL:  # PyMySQL 1.1 would go on in plaintext
                raise OperationalError(NO_TLS, "the server offers no TLS")
            # A greeting may name a plug-in for which the driver would send the password before it asks _Refusals.
            self._auth_plugin_name = "mysql_native_password"

    return CarefulConnection
