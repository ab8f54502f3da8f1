"""PyMongo, held to one login at one server: nothing that a server tells of others leads anywhere."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.mongodb.failures import rejection
from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.handshake import require_answer
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import NAMED, PREFER, root_certificates, tls_mode

if TYPE_CHECKING:
    from pymongo import MongoClient

_PLAIN: Final = "disable"
_LONGEST: Final = 5.0  # seconds: PyMongo tries a greeting that fails again and again for so long


def auth_source(login: Login) -> str:
    """Name the database that the user is kept in. AWS: ``dbname`` is that too, where nothing else is said."""
    return str(login.settings.get("authSource") or login.settings.get("dbname") or "admin")


def logged_in(login: Login, remaining: Remaining) -> "MongoClient[dict[str, Any]]":
    """Log in, one attempt. Raises LoginRejected, EngineUnavailable."""
    try:
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver pymongo is not installed: pip install 'detent[mongodb]'") from None
    wait = min(time_limit(remaining), _LONGEST)
    address = reachable_address(login.host, login.port, wait)
    mode = _mode(login, address)
    require_answer(login, address, mode, wait)
    client = _client(login, address, mode, wait)
    failure: LoginRejected | EngineUnavailable
    try:
        known = ask(client, auth_source(login), {"connectionStatus": 1}, wait)["authInfo"]["authenticatedUsers"]
    except (PyMongoError, ValueError, TypeError, KeyError) as error:  # ValueError: what SASLprep prohibits
        failure = rejection(error, mode)
    except BaseException:
        client.close()
        raise
    else:
        if {"user": login.username, "db": auth_source(login)} in known:
            return client
        failure = EngineUnavailable("the server does not say that it logged this user in, so nothing is proven", mode)
    client.close()
    raise failure


def ask(client: "MongoClient[dict[str, Any]]", database: str, command: Mapping[str, Any], wait: float) -> Any:  # noqa: ANN401 - whatever the server says
    """Run a command within so many seconds."""
    import pymongo  # noqa: PLC0415 - an optional driver

    with pymongo.timeout(wait):
        return client[database].command(dict(command))


def _client(login: Login, address: str, mode: str, wait: float) -> "MongoClient[dict[str, Any]]":
    from pymongo import MongoClient  # noqa: PLC0415 - an optional driver

    limit = int(wait * 1000)
    with _securing(login, mode) as secure:
        return MongoClient(
            # Over TLS that proves the name, the name: PyMongo checks the one that it connects to.
            login.host if mode == NAMED else address,
            login.port,
            username=login.username,
            password=login.password.reveal(),
            authSource=auth_source(login),
            directConnection=True,
            serverSelectionTimeoutMS=limit,
            connectTimeoutMS=limit,
            maxPoolSize=1,
            retryWrites=False,
            retryReads=False,
            appname="detent-rotation",
            **secure,
        )


@contextmanager
def _securing(login: Login, mode: str) -> Iterator[dict[str, Any]]:
    """Give PyMongo's options of TLS. It reads the CAs when it is made, so their file need not last."""
    if mode == _PLAIN:
        yield {"tls": False}
    elif mode == "require" and login.settings.get("sslrootcert") is None:
        yield {"tls": True, "tlsAllowInvalidCertificates": True}
    else:
        with root_certificates(login.settings) as path:
            known = {} if path == "system" else {"tlsCAFile": path}
            yield {"tls": True, "tlsAllowInvalidHostnames": mode != NAMED, **known}


def _mode(login: Login, address: str) -> str:
    """MongoDB negotiates nothing: where TLS is not asked for and not a must, there is none."""
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    return _PLAIN if mode == PREFER else mode
