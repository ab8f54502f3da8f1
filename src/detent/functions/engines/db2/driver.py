"""ibm_db, given a connection string that says what it should, and no more."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.db2.failures import rejection
from detent.functions.errors import EngineUnavailable
from detent.functions.handshake import require_answer
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import NAMED, PREFER, root_certificates, tls_mode

_MARKS: Final = frozenset(";{}=\"',")
_PLAIN: Final = "disable"


def unwritable(text: str) -> bool:
    """Say whether a value would end, or change, the connection string that it is put into."""
    return bool(_MARKS & set(text)) or text != text.strip() or not text.isprintable()


def logged_in(login: Login, remaining: Remaining, database: str | None = None) -> Any:  # noqa: ANN401 - an untyped driver
    """Log in to the secret's database or another, one attempt. Raises LoginRejected, EngineUnavailable."""
    try:
        import ibm_db_dbi  # noqa: PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver ibm_db is not installed: pip install 'detent[db2]'") from None
    wait = time_limit(remaining)
    address = reachable_address(login.host, login.port, wait)
    mode = _mode(login, address)
    require_answer(login, address, mode, wait)
    options = {ibm_db_dbi.SQL_ATTR_AUTOCOMMIT: ibm_db_dbi.SQL_AUTOCOMMIT_ON}
    with _connection_string(login, database, address, mode, wait) as text:
        try:
            return ibm_db_dbi.connect(text, conn_options=options)
        except ibm_db_dbi.Error as error:
            failure = rejection(error, mode)
    raise failure


def run(connection: Any, statement: str, *parameters: object) -> list[Sequence[Any]]:  # noqa: ANN401 - as above
    """Run a statement with what is put for its question marks, and give its rows."""
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(statement, parameters or None)
        return list(cursor.fetchall()) if cursor.description else []


def with_password(login: Login, user: str, password: Any) -> Login:  # noqa: ANN401 - a Password
    """Give the login of another user at the same database."""
    return replace(login, username=user, password=password)


@contextmanager
def _connection_string(login: Login, database: str | None, address: str, mode: str, wait: float) -> Iterator[str]:
    parts = {
        "DATABASE": database or login.settings["dbname"],
        "HOSTNAME": login.host if mode == NAMED else address,
        "PORT": login.port,
        "PROTOCOL": "TCPIP",
        "UID": login.username,
        "PWD": login.password.reveal(),
        "ConnectTimeout": max(1, int(wait)),
        "ReceiveTimeout": max(1, int(wait)),  # seconds for the answer to any statement
    }
    if any(unwritable(str(part)) for part in parts.values()):
        raise EngineUnavailable("a value of the secret cannot be put into the driver's connection string", mode)
    with _securing(login, mode) as secure:
        yield "".join(f"{key}={part};" for key, part in {**parts, **secure}.items())


@contextmanager
def _securing(login: Login, mode: str) -> Iterator[dict[str, str]]:
    """Name the CAs, in any mode of TLS: the driver knows no way to take a certificate unseen."""
    if mode == _PLAIN:
        yield {}
        return
    with root_certificates(login.settings) as path:
        known = {} if path == "system" else {"SSLServerCertificate": path}
        yield {"Security": "SSL", **known, "SSLClientHostnameValidation": "Basic" if mode == NAMED else "Off"}


def _mode(login: Login, address: str) -> str:
    """Db2 negotiates nothing: where TLS is not asked for and not a must, there is none."""
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    return _PLAIN if mode == PREFER else mode
