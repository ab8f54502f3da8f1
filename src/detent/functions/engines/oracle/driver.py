"""oracledb in its thin mode: one checked address, and an end to a login that nobody answers."""

from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from detent.functions.engines import Login
from detent.functions.tls import NAMED, own_context_for

if TYPE_CHECKING:
    from oracledb import Connection


def opened(login: Login, address: str, mode: str, wait: float) -> "Connection":
    """Log in at the address. Raises oracledb.Error, and TimeoutError where the server takes a connection and is silent.

    The driver waits for the connection only and not for the login, so that is done beside; one that succeeds after it
    was given up is closed.
    """
    given_up, outcome = Event(), SimpleQueue[Any]()

    def work() -> None:
        try:
            connection = _logged_in(login, address, mode, wait)
        except BaseException as error:  # noqa: BLE001 - raised by who waits
            outcome.put(error)
            return
        if given_up.is_set():
            connection.close()
        outcome.put(connection)

    Thread(target=work, daemon=True, name="oracle-login").start()
    try:
        found = outcome.get(timeout=wait)
    except Empty:
        given_up.set()
        found = TimeoutError()
    if isinstance(found, BaseException):
        raise found
    return found  # type: ignore[no-any-return]


def _logged_in(login: Login, address: str, mode: str, wait: float) -> "Connection":
    import oracledb  # noqa: PLC0415 - an optional driver

    place = (
        {"service_name": login.settings["dbname"]} if login.settings.get("dbname") else {"sid": login.settings["sid"]}
    )
    encrypted: dict[str, Any] = {}
    if mode != "disable":
        # The driver turns the check of the name off in the context that it is given, and does it itself.
        context = own_context_for(login.settings, mode)
        encrypted = {"protocol": "tcps", "ssl_context": context, "ssl_server_dn_match": mode == NAMED}
    return oracledb.connect(
        # The driver resolves a name itself. Where TLS checks the name, whatever else answers learns nothing.
        host=login.host if mode == NAMED else address,
        port=login.port,
        user=login.username,
        password=login.password.reveal(),
        tcp_connect_timeout=wait,
        retry_count=0,
        expire_time=1,  # minutes after which a peer that is gone is noticed
        program="detent-rotation",
        **place,
        **encrypted,
    )
