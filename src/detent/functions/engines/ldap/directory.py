"""One connection to a directory by ldap3, held to what a rotation needs.

The address was checked and TLS is ours (``tls.py``): ldap3 would resolve the name again, make a context for each
connection, and follow a referral with the password in its hand.
"""

import contextlib
import re
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.ldap.failures import NO_TLS, Answer, lost, not_reached
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import PREFER, context_for, tls_mode

POLICY: Final = "1.3.6.1.4.1.42.2.27.8.5.1"  # draft-behera-ldap-password-policy: asks for its reasons
_START_TLS: Final = "1.3.6.1.4.1.1466.20037"
_LDAPS_PORTS: Final = frozenset({636, 3269})
_PLAIN: Final = "disable"
_POLICY_ERROR: Final = re.compile(rb"\x81\x01(.)", re.DOTALL)  # BER: the control's second field, a number


class Directory:
    """One connection. ``operation`` is given ldap3's own, which is half typed."""

    def __init__(self, connection: Any, mode: str, remaining: Remaining) -> None:  # noqa: ANN401 - as above
        self.mode = mode
        self._connection = connection
        self._remaining = remaining
        self.fresh = True  # nothing but the login has been sent

    def ask(self, operation: Callable[[Any], object]) -> Answer:
        """Do one operation. Raises EngineUnavailable where the connection is lost."""
        limit = time_limit(self._remaining)
        failure: Exception | None = None
        try:
            self._connection.socket.settimeout(limit)
            operation(self._connection)
        except Exception as error:  # noqa: BLE001 - what is no directory makes the driver raise anything
            failure = error
        if failure is not None:
            self.close()
            raise lost(failure, self.mode, fresh=self.fresh)
        return _answer(self._connection.result, self._connection.response)

    def read(self, base: str, *attributes: str, where: str = "(objectClass=*)", scope: str = "BASE") -> Answer:
        """Search."""
        return self.ask(lambda one: one.search(base, where, scope, attributes=attributes))

    def modify(self, entry: str, attribute: str, *changes: tuple[str, list[bytes]]) -> Answer:
        """Change one attribute, all at once or not at all."""
        policy = [(POLICY, False, None)]
        return self.ask(lambda one: one.modify(entry, {attribute: list(changes)}, policy))

    def secure(self, login: Login) -> None:
        """Start TLS, or go on in plaintext where the server has none and the wish allows that."""
        said = self.ask(lambda one: one.extended(_START_TLS))
        if said.code == 0:
            _wrap(self._connection, login, self.mode)
        elif self.mode != PREFER:
            raise EngineUnavailable(f"{NO_TLS} (the server said: {said.said or said.code})", self.mode)

    def close(self) -> None:
        """End the connection; never raises."""
        with contextlib.suppress(Exception):
            self._connection.strategy.close()


def bound(login: Login, remaining: Remaining) -> tuple[Directory, Answer]:
    """Connect, secure the connection and bind: one attempt, whose answer is to be judged."""
    directory = _connected(login, remaining)
    try:
        answer = directory.ask(lambda one: one.bind(read_server_info=False, controls=[(POLICY, False, None)]))
    except BaseException:
        directory.close()
        raise
    directory.fresh = False
    return directory, answer


def _connected(login: Login, remaining: Remaining) -> Directory:
    driver = _driver()
    wait = time_limit(remaining)
    address = reachable_address(login.host, login.port, wait)
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    connection = driver.Connection(
        driver.Server(address, login.port, get_info=driver.NONE),
        login.username,
        login.password.reveal().encode(),  # bytes, or it would be changed by SASLprep
        auto_referrals=False,
        check_names=False,
    )
    directory = Directory(connection, mode, remaining)
    try:
        _open(connection, login, address, mode, wait)
        if mode != _PLAIN and not _speaks_ldaps(login):
            directory.secure(login)
    except BaseException:
        directory.close()
        raise
    return directory


def _driver() -> Any:  # noqa: ANN401 - a module without types
    try:
        import ldap3  # noqa: PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver ldap3 is not installed: pip install 'detent[ldap]'") from None
    return ldap3


def _speaks_ldaps(login: Login) -> bool:
    wish = login.settings.get("ldaps")
    return login.port in _LDAPS_PORTS if wish is None else bool(wish)


def _open(connection: Any, login: Login, address: str, mode: str, wait: float) -> None:  # noqa: ANN401 - as above
    """Give ldap3 a socket in place of the one that it would open."""
    try:
        connection.socket = socket.create_connection((address, login.port), wait)
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each bind over TLS waits 40 ms
    except OSError as error:
        failure = not_reached(error, mode)
    else:
        connection.closed = False
        connection.listening = True
        connection.strategy._outstanding = {}  # noqa: SLF001 - as its own open() does
        if mode != _PLAIN and _speaks_ldaps(login):
            _wrap(connection, login, mode)
        return
    raise failure


def _wrap(connection: Any, login: Login, mode: str) -> None:  # noqa: ANN401 - as above
    context = context_for(login.settings, mode)
    try:
        connection.socket = context.wrap_socket(connection.socket, server_hostname=login.host)
    except OSError as error:
        failure = not_reached(error, mode)
    else:
        return
    raise failure


def _answer(result: Mapping[str, Any], response: Any) -> Answer:  # noqa: ANN401 - a list of dicts, or anything else
    control = (result.get("controls") or {}).get(POLICY)
    told = _POLICY_ERROR.search(control["value"] or b"") if control else None
    listed = response if isinstance(response, list) else []
    found = {one["dn"]: one["raw_attributes"] for one in listed if "raw_attributes" in one}
    return Answer(result["result"], str(result["message"]).strip(), told[1][0] if told else None, found)
