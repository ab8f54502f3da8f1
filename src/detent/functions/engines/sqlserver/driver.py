"""pymssql, and FreeTDS in it: one checked address, one version of the protocol, and TLS as the secret wishes."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

from detent.functions.engines import Login
from detent.functions.tls import NAMED, PREFER, VERIFIED, root_certificates

DATABASE: Final = "master"
_ENCRYPTION: Final = {"disable": "off", PREFER: "request"}
_ONE_AT_A_TIME: Final = Lock()  # FreeTDS reads which file to take from the environment of the process


def opened(login: Login, address: str, mode: str, wait: float) -> Any:  # noqa: ANN401 - the driver has no types
    """Log in at the address. Raises pymssql.Error."""
    import pymssql  # noqa: PLC0415 - an optional driver

    seconds = max(1, int(wait))
    with _settings(login, mode):
        return pymssql.connect(
            server=address,
            port=str(login.port),
            user=login.username,
            password=login.password.reveal(),
            database=login.settings.get("dbname") or DATABASE,
            login_timeout=seconds,
            timeout=seconds,
            appname="detent-rotation",
            encryption=_ENCRYPTION.get(mode, "require"),
            tds_version="7.4",  # else each is tried in turn, and each with a wait of its own
            autocommit=True,
        )


@contextmanager
def _settings(login: Login, mode: str) -> Iterator[None]:
    """Let FreeTDS read no settings but ours: none that a home folder holds may change what is verified."""
    with _ONE_AT_A_TIME, root_certificates(login.settings) as roots, tempfile.NamedTemporaryFile("w") as file:
        file.write("[global]\n" + "".join(f"{line}\n" for line in _lines(login, mode, roots)))
        file.flush()
        before = os.environ.get("FREETDSCONF")
        os.environ["FREETDSCONF"] = file.name
        try:
            yield
        finally:
            if before is None:
                del os.environ["FREETDSCONF"]
            else:
                os.environ["FREETDSCONF"] = before


def _lines(login: Login, mode: str, roots: str) -> list[str]:
    if mode not in VERIFIED and (mode != "require" or login.settings.get("sslrootcert") is None):
        return []
    named = mode == NAMED
    name = [f"certificate hostname = {login.host}"] if named else []
    return [f"ca file = {roots}", f"check certificate hostname = {'yes' if named else 'no'}", *name]
